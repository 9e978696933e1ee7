/** A file of a dump is missing, damaged, or none of CRIU's. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  /** The file, or the directory, that is wrong. */
  readonly file: string;
  readonly reason: string;

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file} ${reason}`, options);
    this.file = file;
    this.reason = reason;
  }
}
