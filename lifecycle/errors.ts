import type { Outcome } from "./types.ts";

/**
 * A checkpoint was refused: `errors` holds every reason at once. Nothing was frozen, and every resource whose hook was
 * entered has been told `aborted`.
 */
export class CheckpointRefusedError extends AggregateError {
  override readonly name = "CheckpointRefusedError";
  readonly noticeId: string;

  constructor(noticeId: string, errors: readonly Error[]) {
    super(errors, `Cannot checkpoint: ${messages(errors).join("; ")}`);
    this.noticeId = noticeId;
  }
}

/** A hook of a resource threw (`cause`) or outlasted its time. */
export class ResourceError extends Error {
  override readonly name = "ResourceError";
  readonly resource: string;
  readonly hook: "beforeCheckpoint" | "afterRestore";

  constructor(resource: string, hook: "beforeCheckpoint" | "afterRestore", cause: unknown) {
    super(`${resource}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.resource = resource;
    this.hook = hook;
  }
}

/** A hook was not done when its time was over. */
export class HookTimeoutError extends Error {
  override readonly name = "HookTimeoutError";
  readonly timeoutMs: number;

  constructor(hook: string, timeoutMs: number) {
    super(`${hook} was not done after ${Math.round(timeoutMs)} ms: give the resource and the driver more time`);
    this.timeoutMs = timeoutMs;
  }
}

/** After a checkpoint some resources could not be rebuilt: `errors` says which and why. The app goes on without them. */
export class RecoveryError extends AggregateError {
  override readonly name = "RecoveryError";
  readonly outcome: Outcome;

  constructor(outcome: Outcome, errors: readonly Error[]) {
    super(errors, `Cannot rebuild everything after "${outcome}": ${messages(errors).join("; ")}`);
    this.outcome = outcome;
  }
}

/** The messages of errors, in order. */
export function messages(errors: readonly Error[]): string[] {
  return errors.map(({ message }) => message);
}
