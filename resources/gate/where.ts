/** Where the caller of a function is: the line of a stack. */
export function callSite(of: (...args: never[]) => unknown): string | undefined {
  const stack: { stack?: string } = {};
  Error.captureStackTrace(stack, of);
  return stack.stack?.split("\n")[1]?.trim();
}

/** A request as a refusal names it. What stands behind `?` may hold what nobody else should read. */
export function requestLine({ method, url }: Request): string {
  return `by ${method} ${new URL(url).pathname}`;
}
