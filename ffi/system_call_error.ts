import * as os from "node:os";

/** A libc call failed. `call` says which and with what, `code` is errno by name, for example `ENOENT`. */
export class SystemCallError extends Error {
  /** @ignore */
  override readonly name = "SystemCallError";
  /** The function, and what it was given. */
  readonly call: string;
  /** The number of the error. */
  readonly errno: number;
  /** Its name, such as `ENOENT`. */
  readonly code: string;

  /** @ignore */
  constructor(call: string, errno: number) {
    const code = Object.entries(os.constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
    super(`Cannot ${call}: ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}
