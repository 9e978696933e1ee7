/**
 * A worker joins the checkpoints of its main thread by an agent of its own: it prepares, stands still until the outcome is known, and is told it.
 *
 * In Deno it needs `--allow-ffi`.
 *
 * @module
 */
import { openLibc } from "../../ffi/libc.ts";
import { isMainThread } from "../../ffi/thread.ts";
import { type JoinedWorker, type JoinOptions, startAgent } from "./agent.ts";

export type { CheckpointContext, HoldContext, Outcome, Resource, RestoreContext, Tier } from "../../lifecycle/types.ts";
export type { JoinedWorker, JoinOptions } from "./agent.ts";

/** All copies of this package in a worker share one agent. */
const KEY = Symbol.for("criu-aware.worker.v1");
const shared = globalThis as { [KEY]?: Promise<JoinedWorker> | undefined };

/**
 * Makes this worker take part in the checkpoints of its process. Once the main thread has prepared, with `workers()` of criu-aware/resources/workers, the resources
 * of the worker prepare; then it stands still where it is until the outcome is known, and its resources are rebuilt. What one of them throws refuses the
 * checkpoint, or is a recovery that failed, and the main thread names the worker. After a restore its random generators take a new seed, with `uniqueness()`.
 *
 * Call it at the beginning of each worker. A worker that starts while a checkpoint is under way waits here until that is over. Called again it adds
 * its resources. It does not keep the worker alive. When the main thread does not hold workers after ten seconds, that is said on stderr.
 *
 * @throws {UnsupportedPlatformError} on anything but Linux with Bun or Deno.
 * @throws {TypeError} for one of `resources` that has no name, an unknown tier, or is there twice.
 * @throws {RangeError} for a time that is negative or NaN.
 * @throws {Error} in the main thread.
 * @example
 * ```ts
 * import { joinWorker } from "criu-aware/worker";
 *
 * await joinWorker({
 *   name: "thumbnails",
 *   resources: [{ name: "cache", beforeCheckpoint: () => console.log("about to stop"), afterRestore: ({ outcome }) => console.log(outcome) }],
 * });
 * ```
 */
export async function joinWorker(options: JoinOptions = {}): Promise<JoinedWorker> {
  if (isMainThread()) {
    throw new Error("Cannot join: this is the main thread. It calls attach() of criu-aware, and its workers join.");
  }
  const before = shared[KEY];
  if (before) {
    const joined = await before;
    for (const resource of options.resources ?? []) joined.register(resource);
    return joined;
  }
  const joining = openLibc().then((libc) => startAgent(libc, options, leave));
  const leave = (): void => {
    if (shared[KEY] === joining) shared[KEY] = undefined;
  };
  shared[KEY] = joining;
  joining.catch(leave);
  return joining;
}
