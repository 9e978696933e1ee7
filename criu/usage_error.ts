import { LONGEST_MESSAGE, printable } from "../ffi/printable.ts";

/** What was asked for cannot be: a wrong pid, directory or option. Nothing was begun. */
export class UsageError extends Error {
  /** @ignore */
  override readonly name = "UsageError";

  /** `message` is one line, made safe to print: it repeats what was given. */
  constructor(message: string, options?: ErrorOptions) {
    super(printable(message, LONGEST_MESSAGE), options);
  }
}
