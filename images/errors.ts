import { LONGEST_MESSAGE, printable } from "../ffi/printable.ts";

/** A file of a dump is missing, damaged, or none of CRIU's. */
export class ImageError extends Error {
  /** @ignore */
  override readonly name = "ImageError";
  /** The file, or the directory, that is wrong: exactly, while the message is safe to print. */
  readonly file: string;
  /** What is wrong with it. */
  readonly reason: string;

  /** @ignore */
  constructor(file: string, reason: string, options?: ErrorOptions) {
    const why = printable(reason);
    super(`${printable(file, LONGEST_MESSAGE)} ${why}`, options);
    this.file = file;
    this.reason = why;
  }
}
