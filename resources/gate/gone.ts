/** How many turns of the event loop Deno has to say it. */
const TURNS = 3;

/**
 * Whether the server complains of a program that reads `request.signal` and then answers: Deno.serve does, once in the life of a process.
 * It is known by what it gives beside the request.
 */
export function warnsOfSignal(beside: unknown): boolean {
  return "completed" in Object(beside);
}

/** Whether the client of a request has gone. */
export async function hasGone({ signal }: Request): Promise<boolean> {
  for (let turns = 0; turns < TURNS && !signal.aborted; turns++) await new Promise((resolve) => setTimeout(resolve));
  return signal.aborted;
}
