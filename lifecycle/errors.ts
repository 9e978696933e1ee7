import type { Outcome } from "./types.ts";

/**
 * A checkpoint was refused: `errors` holds every reason at once. Nothing was frozen, and every resource whose hook was
 * entered has been told `aborted`.
 */
export class CheckpointRefusedError extends AggregateError {
  /** @ignore */
  override readonly name = "CheckpointRefusedError";
  /** The notice that was refused. */
  readonly noticeId: string;

  /** @ignore */
  constructor(noticeId: string, errors: readonly Error[]) {
    super(errors, `Cannot checkpoint: ${messages(errors).join("; ")}`);
    this.noticeId = noticeId;
  }
}

/** A hook of a resource threw (`cause`) or outlasted its time. */
export class ResourceError extends Error {
  /** @ignore */
  override readonly name = "ResourceError";
  /** The name of the resource. */
  readonly resource: string;
  /** The hook that failed. */
  readonly hook: "beforeCheckpoint" | "beforeHold" | "afterRestore";

  /** @ignore */
  constructor(resource: string, hook: ResourceError["hook"], cause: unknown) {
    super(`${resource}: ${reasonOf(cause)}`, { cause });
    this.resource = resource;
    this.hook = hook;
  }
}

/** A hook was not done when its time was over. */
export class HookTimeoutError extends Error {
  /** @ignore */
  override readonly name = "HookTimeoutError";
  /** The time that it had. */
  readonly timeoutMs: number;

  /** @ignore */
  constructor(hook: string, timeoutMs: number) {
    super(`${hook} was not done after ${Math.round(timeoutMs)} ms: give the resource and the driver more time`);
    this.timeoutMs = timeoutMs;
  }
}

/** After a checkpoint some resources could not be rebuilt: `errors` says which and why. The app goes on without them. */
export class RecoveryError extends AggregateError {
  /** @ignore */
  override readonly name = "RecoveryError";
  /** What became of the checkpoint itself. */
  readonly outcome: Outcome;

  /** @ignore */
  constructor(outcome: Outcome, errors: readonly Error[]) {
    super(errors, `Cannot rebuild everything after "${outcome}": ${messages(errors).join("; ")}`);
    this.outcome = outcome;
  }
}

/** Longer ones would not fit where they travel: the page, a marker file, a line of a socket. */
const LONGEST_REASON = 500;

/** What was thrown, which can be anything, as one line. Of errors in one error, all say why. */
function reasonOf(thrown: unknown): string {
  try {
    const { message, errors = [] } = Object(thrown);
    const texts = [message, ...errors.map((error: Error) => error.message)].filter(Boolean);
    return (texts.join("; ") || String(thrown)).replace(/\s+/g, " ").slice(0, LONGEST_REASON);
  } catch {
    return "an unknown error";
  }
}

/** Says on stderr what happened, without the code around it: whoever wants more has `onError`. */
export function printReasons(error: Error): void {
  console.error(String(error));
}

/** The messages of errors, in order. */
export function messages(errors: readonly Error[]): string[] {
  return errors.map(({ message }) => message);
}
