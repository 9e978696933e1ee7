/**
 * A resource that holds the workers of a process, so that nothing of it runs between `ready` and the outcome.
 *
 * In Deno it needs `--allow-ffi`.
 *
 * @module
 */
import { printable } from "../../ffi/printable.ts";
import { isMainThread } from "../../ffi/thread.ts";
import { workerThreads } from "../../ffi/worker_threads.ts";
import type { Resource } from "../../lifecycle/types.ts";
import { WorkersError } from "./errors.ts";
import { announceHolder, holdWorkers, releaseWorkers } from "./hold.ts";

export { WorkersError } from "./errors.ts";

/** Options of {@linkcode workers}. */
export interface WorkersOptions {
  /** Names the resource in refusals and in `status`. @default "workers" */
  readonly name?: string;
  /**
   * Refuses a checkpoint as long as a worker has not joined: it would run on while the app is held. Without it `criu-aware inspect` and
   * `blockers()` name such workers. @default false
   */
  readonly strict?: boolean;
  /** The time for each hook in milliseconds: that of the workers is within it. @default the agent's `hookTimeoutMs` */
  readonly timeoutMs?: number;
}

/**
 * Holds every worker that has called `joinWorker()` of criu-aware/worker: it prepares when the hooks of this thread are done, stands still before the first
 * `beforeHold`, and goes on with the outcome. A worker that refuses, or that does not come back to its event loop in time, refuses the
 * checkpoint; one that cannot rebuild something is a recovery that failed. All are named.
 *
 * Register it before all resources but `uniqueness()`: what is registered first prepares last.
 *
 * @throws {Error} in a worker.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { workers } from "criu-aware/resources/workers";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * agent.register(workers({ strict: true }));
 * ```
 */
export function workers(options: WorkersOptions = {}): Resource {
  const { name = "workers", strict = false, timeoutMs } = options;
  if (!isMainThread()) {
    throw new Error("Cannot hold workers from a worker: the main thread registers workers(), and a worker joins.");
  }
  announceHolder();
  const owner = {};
  return {
    name,
    tier: "runtime",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    async beforeCheckpoint(context) {
      await holdWorkers(owner, context);
      if (strict) refuseOthers();
    },
    beforeHold() {
      // Others were started meanwhile.
      if (strict) refuseOthers();
    },
    afterRestore: (context) => releaseWorkers(owner, context),
  };
}

function refuseOthers(): void {
  const others = workerThreads("self").others.map(({ id, name }) => `thread ${id} (${printable(name)})`);
  if (others.length === 0) return;
  const which = others.length === 1 ? "a worker has" : `${others.length} workers have`;
  throw new WorkersError(
    `${which} not joined, and would run on while the app is held: ${others.join(", ")}. Call joinWorker() of criu-aware/worker at its beginning`,
    others,
  );
}
