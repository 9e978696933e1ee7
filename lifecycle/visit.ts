import type { Caller, Release } from "./ports.ts";
import type { Notice, Reply, Resource, Round, Writable } from "./types.ts";

/** One way through the lifecycle. */
export interface Visit {
  notice: Notice;
  readonly callers: Caller[];
  /** The app asks for it itself. */
  readonly isOwn?: boolean;
  /** The app waits at a point of its own, or prepares to: the next notice takes it there. */
  isPoint?: boolean | undefined;
  signal?: AbortSignal | undefined;
  last?: Resource | undefined;
  /** When this process was restored: nobody has announced it, and nothing was prepared. */
  readonly restoredAt?: number;
  reply?: Reply;
  round?: Writable<Round>;
  /** Set while the app is held. */
  hold?: () => Release;
  /** Tells how it ended, once it has. */
  end?: (caller: Caller) => void;
}

/** The way of a restore that nobody has announced; it is restore number `generation`. */
export function unannounced(restoredAt: number, generation: number): Visit {
  return { notice: { id: `restore-${generation}` }, callers: [], restoredAt };
}

/** What to answer whoever brings the notice again: once its hold has ended, he must not believe that the app is held. */
export function answerOf({ notice, round, reply }: Visit): Reply | undefined {
  const isReleased = reply?.reply === "ready" && round?.outcome !== undefined;
  return isReleased ? { reply: "refused", reasons: [`the checkpoint ${notice.id} is over`] } : reply;
}

/** Tells every caller, and returns the errors of those that could not be told: their driver gives up at its deadline. */
export function tell(callers: readonly Caller[], message: (caller: Caller) => void): Error[] {
  const failures: Error[] = [];
  // Not those that come meanwhile: they are told as they come.
  for (const caller of [...callers]) {
    try {
      message(caller);
    } catch (error) {
      failures.push(error as Error);
    }
  }
  return failures;
}
