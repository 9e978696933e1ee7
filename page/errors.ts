/** The page of a process cannot be used: it has none, it is not one of ours, or this process may not open it. */
export class PageError extends Error {
  override readonly name = "PageError";
  readonly pid: number;
  readonly code: "missing" | "forbidden" | "damaged";

  constructor(pid: number, code: PageError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.pid = pid;
    this.code = code;
  }
}
