/**
 * The app's half without Linux and without CRIU: for the laptop of a developer, and for tests of an app's resources. Every
 * `beforeCheckpoint` and `afterRestore` runs as it would, with the same order, time limits and rollback; nothing is frozen, and
 * `generation` and `restoredAt` stay as they were.
 *
 * In Deno it needs no permission.
 *
 * @module
 */
import type { Agent, AttachOptions, PointOptions } from "./agent.ts";
import { printReasons } from "./lifecycle/errors.ts";
import { Lifecycle } from "./lifecycle/lifecycle.ts";
import type { Release } from "./lifecycle/ports.ts";
import { givingUp } from "./lifecycle/restore_error.ts";
import { checkTime } from "./lifecycle/time.ts";
import type { LaunchOptions, Outcome, Round } from "./lifecycle/types.ts";
import { join } from "./registry.ts";

export type { Agent, AttachOptions, PointOptions } from "./agent.ts";
export type { Launch, LaunchOptions, Outcome, RecoveryFailure, Round } from "./lifecycle/types.ts";

/** Options of {@linkcode SimulatedAgent.checkpoint}. */
export interface SimulatedCheckpointOptions {
  /** What becomes of the checkpoint when no resource refuses it. @default "restored" */
  readonly outcome?: Outcome;
  /** What the app is handed with the outcome `restored`. */
  readonly launch?: LaunchOptions;
}

/** An agent that plays checkpoints. */
export interface SimulatedAgent extends Agent {
  /** When the parts of the last checkpoint happened. */
  readonly lastRound: Round | undefined;
  /**
   * Goes through one whole checkpoint in this process, and resolves with its outcome once everything is rebuilt. The hooks of
   * the recovery see `simulated: true`. What could not be rebuilt goes to `onError` and `lastErrors`, as always, and does not reject.
   * @throws {RangeError} for another outcome than these three.
   * @throws {CheckpointRefusedError} when a hook refused it; every resource has then been told `aborted`.
   * @throws {Error} when another checkpoint is under way (a hook cannot ask for one), or the agent was disposed.
   */
  checkpoint(options?: SimulatedCheckpointOptions): Promise<Outcome>;
  /** The same as `checkpoint()`: somebody comes at once. The time is checked, and counts for nothing. */
  point(options?: PointOptions & SimulatedCheckpointOptions): Promise<Outcome>;
}

type Play = (options?: SimulatedCheckpointOptions & Pick<PointOptions, "signal">) => Promise<Outcome>;

let isAttached = false;
/** For the ids of their notices: they are known in this process alone. */
let checkpoints = 0;

/**
 * Attaches this process to nothing: takes the options of the real `attach()`, or none, and works in Bun, Deno and Node.js, on any
 * system.
 * The strategies are not started and `leaseMs` counts for nothing, because no notice comes from outside: the app, or its
 * test, calls {@linkcode SimulatedAgent.checkpoint}. The hold is over at once. Libraries on `criu-aware/registry` take part.
 * `onRestoreError: "exit"` ends this process as it would a restored one.
 *
 * @throws {Error} when this process is attached by this function already.
 * @throws {TypeError} for one of `resources` that has no name, an unknown tier, or is there twice.
 * @throws {RangeError} for a time that is negative or NaN, and an `onRestoreError` that there is not.
 * @example In the test of a resource
 * ```ts
 * import { attach } from "criu-aware/simulate";
 *
 * const agent = await attach();
 * agent.register({ name: "cache", afterRestore: ({ outcome }) => console.log(outcome) });
 * await agent.checkpoint();
 * await agent.checkpoint({ outcome: "aborted" });
 * ```
 * @example In an app that is written on macOS and runs on Linux
 * ```ts
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const { attach } = process.platform === "linux" ? await import("criu-aware") : await import("criu-aware/simulate");
 * const agent = await attach({ strategies: [signal()] });
 * ```
 */
export async function attach(options: Partial<AttachOptions> = {}): Promise<SimulatedAgent> {
  if (isAttached) throw new Error("Cannot attach twice: use the agent that is there, or dispose it first.");
  const { hookTimeoutMs = 10_000, onError = printReasons } = options;
  const giveUp = givingUp(options.onRestoreError);
  // Unlike the clock of the real agent it would be wrong after a restore, and here is none.
  const now = (): number => performance.timeOrigin + performance.now();
  let lastRound: Round | undefined;
  let handedOver: LaunchOptions = {};

  const lifecycle = new Lifecycle({
    hookTimeoutMs,
    giveUp,
    now,
    isWithdrawn: () => false,
    takeLaunch: () => ({ ...handedOver }),
    publish(_state, round) {
      lastRound = round;
    },
    report: onError,
    arm: () => () => ({ outcome: "restored", simulated: true }),
  });
  const deliver = lifecycle.deliver.bind(lifecycle);
  const register: Agent["register"] = (resource) => lifecycle.resources.add(resource);
  for (const resource of options.resources ?? []) register(resource);
  const membership = join(register);
  isAttached = true;
  let isDetached = false;

  const play: Play = async ({ outcome = "restored", launch = {}, signal } = {}) => {
    if (!["restored", "continued", "aborted"].includes(outcome)) {
      throw new RangeError(`Cannot play the outcome ${outcome}: there are restored, continued and aborted.`);
    }
    if (isDetached) throw new Error("Cannot checkpoint: the agent was disposed. Attach again.");
    const hold = (): Release => {
      handedOver = launch;
      return { outcome, simulated: true };
    };
    return lifecycle.ask(
      { id: `simulated-${++checkpoints}`, sentAt: now() },
      { callers: [{ reply() {}, hold }], signal },
    );
  };

  return {
    get state() {
      return isDetached ? "detached" : lifecycle.state;
    },
    get generation() {
      return lifecycle.generation;
    },
    get restoredAt() {
      return lifecycle.restoredAt;
    },
    get launch() {
      return lifecycle.launch;
    },
    get lastOutcome() {
      return lifecycle.lastOutcome;
    },
    get lastErrors() {
      return lifecycle.lastErrors;
    },
    get lastRound() {
      return lastRound;
    },
    register,
    deliver,
    checkpoint: play,
    async point({ timeoutMs, ...options } = {}) {
      checkTime("timeoutMs", timeoutMs);
      options.signal?.throwIfAborted();
      return play(options);
    },
    async [Symbol.asyncDispose]() {
      if (isDetached) return;
      isDetached = true;
      membership[Symbol.dispose]();
      isAttached = false;
    },
  };
}
