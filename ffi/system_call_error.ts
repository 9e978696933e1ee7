import * as os from "node:os";

/** A libc call failed. `call` says which and with what, `code` is errno by name, for example `ENOENT`. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = Object.entries(os.constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
    super(`Cannot ${call}: ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}
