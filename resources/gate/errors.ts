/** Nobody gets in: a checkpoint is under way. */
export class GateClosedError extends Error {
  /** @ignore */
  override readonly name = "GateClosedError";
  /** How long it was waited for the outcome, in milliseconds; 0 when it was not. */
  readonly waitedMs: number;

  /** @ignore */
  constructor(waitedMs: number) {
    super(
      waitedMs > 0
        ? `Cannot enter: the checkpoint that is under way had no outcome after ${waitedMs} ms. Try again, or wait longer (waitMs).`
        : "Cannot enter: a checkpoint is under way. Wait for its outcome: `await gate.enter()`.",
    );
    this.waitedMs = waitedMs;
  }
}

/** Work in flight did not end in the time of the hook: the checkpoint is refused. */
export class GateBusyError extends Error {
  /** @ignore */
  override readonly name = "GateBusyError";
  /** How many are inside. */
  readonly inside: number;
  /** How long the first of them has been inside, in milliseconds. */
  readonly longestMs: number;
  /** Where the first few of them entered; empty without `collectStacks`. */
  readonly entered: readonly string[];

  /** @ignore */
  constructor(inside: number, longestMs: number, entered: readonly string[]) {
    const where =
      entered.length > 0 ? `they entered ${entered.join(", ")}` : "with collectStacks it says where they entered";
    super(
      `${inside} ${inside === 1 ? "is" : "are"} still inside, for up to ${Math.round(longestMs)} ms: end this work sooner, or give the resource and the driver more time; ${where}`,
    );
    this.inside = inside;
    this.longestMs = longestMs;
    this.entered = entered;
  }
}
