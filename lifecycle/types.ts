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

/** What a driver hands to a restored process. All of it together, as JSON, must fit into 256 KiB. */
export interface LaunchOptions {
  /** Environment variables by name; null for one that is to go. */
  readonly env?: Readonly<Record<string, string | null>>;
  /** Whether `env` is all of them: one that the program was started with, and that is not among them, goes as well. @default false */
  readonly wholeEnv?: boolean;
  /** The arguments of the program, after the script. */
  readonly args?: readonly string[];
  /** The working directory; absolute. */
  readonly cwd?: string;
  /** Anything else, by names of your own. */
  readonly values?: Readonly<Record<string, string>>;
}

/** What was, and what is. */
export interface Change<T> {
  /** In the life before. */
  readonly was: T;
  /** Now. */
  readonly is: T;
}

/** What has changed with a restore, as `environment()` of criu-aware/resources/environment sees it; what has not is missing. */
export interface LaunchChanges {
  /** Environment variables by name; undefined where there was none, or is none. */
  readonly env: Readonly<Record<string, Change<string | undefined>>>;
  /** Variables that are to keep their value (`immutable`) although the launch has another one. */
  readonly kept?: readonly string[];
  /** The arguments, after the script. */
  readonly args?: Change<readonly string[]>;
  /** The working directory. */
  readonly cwd?: Change<string>;
  /** The name of the host. */
  readonly hostname?: Change<string>;
  /** The time zone, such as `Europe/Berlin`. */
  readonly timeZone?: Change<string>;
  /** What LC_ALL, LC_MESSAGES or LANG say. What the runtime itself has read at its start stays. */
  readonly locale?: Change<string>;
  /** The servers and search domains of /etc/resolv.conf. */
  readonly dns?: Change<Dns>;
}

/** How names of hosts are looked up: resolv.conf(5). */
export interface Dns {
  /** The addresses of the name servers. */
  readonly servers: readonly string[];
  /** The domains that are tried for a short name. */
  readonly search: readonly string[];
}

/** What a restored process was given for its new life; empty when it was given nothing. */
export interface Launch extends LaunchOptions {
  /** What has changed: with `environment()` of criu-aware/resources/environment, once that had its turn. */
  readonly changes?: LaunchChanges;
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
  /**
   * How long the app was held, in milliseconds by the time of day: after a restore, about as long as it was an image. 0 when it was not
   * held, and when the time of day is before that of the hold.
   */
  readonly frozenMs: number;
  /** True when no CRIU was at work: the simulate engine went through the phases. */
  readonly simulated: boolean;
  /**
   * Whether nothing was prepared: the process was restored while it was not held, which `passive()` has noticed, and no `beforeCheckpoint` of
   * this resource has run. The outcome is then `restored`, and other code has run in this life before.
   */
  readonly unprepared?: boolean;
  /** What the driver hands over for the new life; undefined unless the outcome is `restored`. */
  readonly launch?: Launch | undefined;
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
  /**
   * Says that the app acts on a launch: that this resource does, or what reads `agent.launch`. Only such an app is restored with a launch.
   * @default false
   */
  readonly takesLaunch?: boolean;
  /** Environment variables whose change makes an image unfit: `run --restore-or-start` then starts the program anew. */
  readonly envGate?: readonly string[];
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
  /**
   * Rebuilds. Runs after every `beforeCheckpoint` that was entered, also when that one threw (outcome `aborted`); with `passive()` also without
   * one: see `unprepared`.
   */
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
