/** What surrounds the lifecycle: what it needs, and who asks it for a checkpoint. */
import type { CheckpointRefusedError, RecoveryError, ResourceError } from "./errors.ts";
import type { Launch, Notice, Outcome, Reply, Resource, Round, State } from "./types.ts";

/** What ended a hold. */
export interface Release {
  /** What became of the checkpoint. */
  readonly outcome: Outcome;
  /** Whether no CRIU was at work. */
  readonly simulated: boolean;
}

/** Whoever brought a notice. */
export interface Caller {
  /**
   * Answers, synchronously: nothing may run between the answer `ready` and the hold. Throws when the answer cannot be delivered;
   * when that is so for every caller, the checkpoint is refused instead.
   */
  reply(reply: Reply): void;
  /** True once nobody waits for the answer any more: a notice that has not begun is then void. */
  isGone?(): boolean;
  /** Tells how it ended, once every resource had its turn, what could not be rebuilt, and what refused it. */
  outcome?(outcome: Outcome, errors: readonly ResourceError[], refusal?: CheckpointRefusedError): void;
  /** A hold of its own, in the place of the one that waits for a driver's word. */
  hold?(): Release;
}

/** What the lifecycle needs from outside. */
export interface Ports {
  /**
   * Gets everything ready for a hold, and returns the hold itself: it blocks the thread until the outcome is known, and
   * never throws. To throw while arming refuses the checkpoint.
   *
   * With `isTaken` it is a point of the app's own: while it holds, notices are to be delivered, and once `isTaken()` is true it ends; what it
   * returns then counts for nothing.
   */
  arm(notice: Notice, isTaken?: () => boolean): () => Release;
  /** True once the driver no longer wants this checkpoint. */
  isWithdrawn(notice: Notice): boolean;
  /** Called, synchronously, after each change of state and reply. */
  publish(state: State, round: Round, reply: Reply | undefined): void;
  /** What the driver hands over to a restored process, once. Throws when it is damaged. */
  takeLaunch(): Launch;
  /**
   * When this process was restored, in milliseconds since 1970, if it was since this was asked last: each restore is found once. Missing, or
   * undefined, where nobody looks for it. Never throws.
   */
  findRestore?(): number | undefined;
  /** Milliseconds since 1970. */
  now(): number;
  /** Gets what refused a checkpoint, and what could not be rebuilt. */
  report(error: CheckpointRefusedError | RecoveryError): void;
  /**
   * Called when a restored process could not rebuild everything, before anybody is told: resolves with what then ends it. Missing where it is to
   * go on.
   */
  readonly giveUp?: (() => Promise<() => void>) | undefined;
  /** The time of a hook whose resource names none, in milliseconds. */
  readonly hookTimeoutMs: number;
}

/** How the app asks for its own checkpoint. */
export interface AskOptions {
  /** Who else is told. */
  readonly callers?: readonly Caller[];
  /** The app waits where it is, until a notice comes. */
  readonly isPoint?: boolean;
  /** Prepares after all others, and is rebuilt before them. */
  readonly last?: Resource | undefined;
  /** Refuses as long as nothing is held. */
  readonly signal?: AbortSignal | undefined;
}
