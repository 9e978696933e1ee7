/** The words of a checkpoint as the app sees it. This folder imports nothing but itself: it runs anywhere. */

/**
 * When a resource is rebuilt: `runtime` (randomness, environment, clocks) before `device`, `connection` and `app`, the
 * default. Preparation goes the other way round.
 */
export type Tier = "runtime" | "device" | "connection" | "app";

/** The tiers in the order of their recovery. */
export const tiers = ["runtime", "device", "connection", "app"] as const;

/** What the agent is doing. In `held` no JavaScript of the main thread runs. */
export type State = "running" | "preparing" | "held" | "recovering" | "detached";

/**
 * What became of a checkpoint. `restored`: this process came from an image. `continued`: it is the original and goes on,
 * and an image was, or may have been, made. `aborted`: it goes on, and certainly no image was made.
 */
export type Outcome = "restored" | "continued" | "aborted";

/** What an app answers to a notice. Each reason is one line. */
export type Reply = { readonly reply: "ready" } | { readonly reply: "refused"; readonly reasons: readonly string[] };

/** A driver's announcement of a checkpoint. Times are milliseconds since 1970. */
export interface Notice {
  /** Names the notice: at most 36 letters, digits, `-`, `_`, `.`. The same id by two ways is one notice. */
  readonly id: string;
  /** When it was sent. */
  readonly sentAt?: number;
  /** After this time the driver no longer waits: the notice is void. */
  readonly deadline?: number;
  /** How long the app holds for a driver that gives no sign of life, in milliseconds. */
  readonly leaseMs?: number;
  /** Who notifies, in its own pid namespace; its death ends the hold. */
  readonly driver?: { readonly pid: number; readonly namespace: string };
  /** The names of the options that the driver gives to CRIU, such as `tcpClose`: what they cure is no reason to refuse. */
  readonly criuOptions?: readonly string[];
}

/** What `beforeCheckpoint` gets. */
export interface CheckpointContext {
  /** The same in both hooks of one checkpoint. */
  readonly noticeId: string;
  /** The names of the options that the driver gives to CRIU, such as `tcpClose`; empty when it does not say. */
  readonly criuOptions: readonly string[];
  /** The time that this hook has, in milliseconds: its own, or what the driver's deadline leaves of it. */
  readonly timeoutMs: number;
  /** Aborts when the time of this hook is over: the checkpoint is then refused, whatever the hook still does. */
  readonly signal: AbortSignal;
}

/** What `afterRestore` gets. */
export interface RestoreContext {
  /** The same in both hooks of one checkpoint. */
  readonly noticeId: string;
  /** In which life this runs, and whether there is an image. */
  readonly outcome: Outcome;
  /** How many times this process was restored; a simulated restore does not count. */
  readonly generation: number;
  /** True when no CRIU was at work: the simulate engine went through the phases. */
  readonly simulated: boolean;
  /** The time that this hook has, in milliseconds. */
  readonly timeoutMs: number;
  /** Aborts when the time of this hook is over: the next resource then gets its turn. */
  readonly signal: AbortSignal;
}

/** What `beforeHold` gets. */
export type HoldContext = Omit<CheckpointContext, "signal" | "timeoutMs">;

/** Something that CRIU cannot carry. Every hook may be missing; all but `beforeHold` may be synchronous or asynchronous. */
export interface Resource {
  /** Names the resource in refusals and in `status`. */
  readonly name: string;
  /** When it is rebuilt, and, the other way round, prepared. @default "app" */
  readonly tier?: Tier;
  /** The time for each hook in milliseconds. @default the agent's `hookTimeoutMs` */
  readonly timeoutMs?: number;
  /** Saves and lets go. To throw, or to outlast the time, refuses the checkpoint. */
  beforeCheckpoint?(context: CheckpointContext): void | Promise<void>;
  /**
   * The last thing before the hold, when every `beforeCheckpoint` is done and none has refused: nothing else of this thread runs between
   * the first of these hooks and the outcome. So it is synchronous; to return a promise, as to throw, refuses the checkpoint. For what
   * an event loop would undo at once: connections that are opened again, a server that accepts. In the order of `beforeCheckpoint`.
   */
  beforeHold?(context: HoldContext): void;
  /** Rebuilds. Runs after every `beforeCheckpoint` that was entered, also when that one threw (outcome `aborted`). */
  afterRestore?(context: RestoreContext): void | Promise<void>;
}

/** What happened to one notice. Times are milliseconds since 1970; those that were never reached are missing. */
export interface Round {
  /** The id of the notice. */
  readonly id: string;
  /** When it was sent; undefined when the sender did not say. */
  readonly sentAt: number | undefined;
  /** When the app saw it. */
  readonly noticedAt: number;
  /** When every resource was prepared, and the hold began. */
  readonly readyAt?: number | undefined;
  /** When the hold ended. */
  readonly releasedAt?: number | undefined;
  /** When the last `afterRestore` was done. */
  readonly recoveredAt?: number | undefined;
  /** Missing while it is under way. */
  readonly outcome?: Outcome | undefined;
  /** Whether no CRIU was at work. */
  readonly simulated?: boolean;
  /** What could not be rebuilt: of the first few resources, the beginning of each reason. */
  readonly errors?: readonly RecoveryFailure[];
}

/** What went wrong in a process after a checkpoint. */
export interface RecoveryFailure {
  /** The resource whose `afterRestore` threw or outlasted its time; undefined when it is the process as a whole. */
  readonly resource?: string | undefined;
  /** One line. */
  readonly message: string;
}

/** While it is being made. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };
