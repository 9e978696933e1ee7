/** The set-up could not unpack something. Nothing of it is left, and what was there before still is. */
export class SetupError extends Error {
  override readonly name = "SetupError";
  /** What can be done instead, a line each. */
  readonly cures: readonly string[];

  constructor(message: string, cures: readonly string[] = []) {
    super([message, ...cures.map((cure) => `  ${cure}`)].join("\n"));
    this.cures = cures;
  }
}
