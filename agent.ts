import type { CheckpointRefusedError, RecoveryError, ResourceError } from "./lifecycle/errors.ts";
import type { Caller } from "./lifecycle/ports.ts";
import type { Launch, Notice, Outcome, Resource, State } from "./lifecycle/types.ts";
import type { Strategy } from "./strategies/strategy.ts";

/** Options of `attach()`. */
export interface AttachOptions {
  /** The ways by which notices come. Without any, a process that is asked for its checkpoint cannot take part. */
  readonly strategies: readonly Strategy[];
  /**
   * What takes part from the first notice on. With this option, even when it is empty, notices count at once; without it they
   * wait for one turn of the event loop, see `attach()`.
   */
  readonly resources?: readonly Resource[];
  /** The time for each hook of a resource that names none, in milliseconds. @default 10000 */
  readonly hookTimeoutMs?: number;
  /**
   * How long the app holds when whoever drives CRIU gives no sign of life, in milliseconds: ten minutes at most.
   * @default 5000
   */
  readonly leaseMs?: number;
  /**
   * Goes once through an empty checkpoint while it attaches, unseen, so that the first real one need not wait for code that runs for the
   * first time. Takes some milliseconds. @default true
   */
  readonly rehearse?: boolean;
  /**
   * Gets what refused a checkpoint, and what could not be rebuilt afterwards. @default prints the reasons on stderr, without the
   * stacks, which `console.error` here would print as well
   */
  readonly onError?: (error: CheckpointRefusedError | RecoveryError) => void;
  /**
   * What a restored process does that could not rebuild everything: an `afterRestore` threw or outlasted its time, and the outcome is
   * `restored`, also a simulated one. `report`: it goes on, and whoever has restored it learns what failed. `exit`: the same, and then it ends
   * with exit code 4, so that it does not serve. What it has written is flushed; for a second it stands still, for its page to be read;
   * then `process.exit()` is called, so that listeners of `exit` run, and handlers of SIGTERM do not. What waits for the outcome
   * (`agent.point()`, `checkpoint()`) never goes on. Who starts it anew is up to you.
   * @default "report"
   */
  readonly onRestoreError?: "report" | "exit";
}

/** Options of {@linkcode Agent.point}. */
export interface PointOptions {
  /** How long the app holds when nobody comes, in milliseconds. @default Infinity */
  readonly timeoutMs?: number;
  /** Gives up while resources prepare. Once the app is held, nothing of this thread can abort. */
  readonly signal?: AbortSignal | undefined;
}

/** The app's side of its checkpoints. Disposal detaches: notices are no longer taken. */
export interface Agent extends AsyncDisposable {
  /** What the app is doing now: at work, or at which step of a checkpoint. */
  readonly state: State;
  /**
   * How many times this process was restored, as far as it knows: while it was held, and, with the strategy `passive()`, while it was not.
   * A simulated restore is not counted.
   */
  readonly generation: number;
  /** When it was restored last, in milliseconds since 1970, not when that was noticed. A simulated restore leaves it as it was. */
  readonly restoredAt: number | undefined;
  /**
   * What was handed over at the last restore (`criu-aware restore --env …`), empty when nothing was; undefined before the first. A resource
   * must say that it acts on it: `takesLaunch`.
   */
  readonly launch: Launch | undefined;
  /** What became of the last checkpoint; undefined before the first. */
  readonly lastOutcome: Outcome | undefined;
  /** What could not be rebuilt after the last checkpoint, whatever its outcome. Empty when all is well. */
  readonly lastErrors: readonly ResourceError[];
  /**
   * Adds a resource; disposal of what is returned takes it out again. While a checkpoint is under way it counts for the next.
   * @throws {TypeError} when it has no name, an unknown tier, or is registered already.
   * @throws {RangeError} for a `timeoutMs` that is none.
   */
  register(resource: Resource): Disposable;
  /**
   * Waits to be dumped here: "I am warm, take me." Every resource is prepared, the app says that it is ready, and holds, without a lease,
   * until somebody dumps it (`criu-aware dump --at-point PID`), cancels that, or `timeoutMs` is over. Resolves with the outcome once
   * everything is rebuilt. When nobody came it is `aborted`; `continued` where a dump cannot be ruled out. SIGTERM, SIGINT, SIGHUP and
   * SIGQUIT end the hold and then reach the program. A process that was dumped before it came here comes here after its restore.
   * @throws {CheckpointRefusedError} when a hook refused; every resource has then been told `aborted`.
   * @throws {RangeError} for a time that is negative or NaN.
   * @throws {Error} when a checkpoint is under way (a hook cannot wait for one), or the agent was disposed.
   * @throws what `signal` was aborted with.
   * @example
   * ```ts
   * import { attach } from "criu-aware";
   *
   * const agent = await attach({ strategies: [] });
   * // Load and warm up.
   * const outcome = await agent.point({ timeoutMs: 60_000 });
   * console.log(outcome === "restored" ? "I am a copy" : "I am the original");
   * ```
   */
  point(options?: PointOptions): Promise<Outcome>;
  /** Hands over a notice that came by a way of its own, as `checkpoint()` of criu-aware/driver does. */
  deliver(notice: Notice, caller: Caller): void;
}
