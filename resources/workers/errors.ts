/** Workers of this process refuse a checkpoint, would run on in the hold, or could not rebuild something. */
export class WorkersError extends Error {
  /** @ignore */
  override readonly name = "WorkersError";
  /** The names of the workers. */
  readonly workers: readonly string[];

  /** @ignore */
  constructor(message: string, workers: readonly string[]) {
    super(message);
    this.workers = workers;
  }
}
