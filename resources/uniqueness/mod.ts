/**
 * A resource that gives a restored process randomness of its own: two copies of one image have the same memory, and so the same
 * random numbers, UUIDs and keys, until every generator takes a new seed.
 *
 * In Deno it needs `--allow-ffi`.
 *
 * @module
 */
import { generators } from "#generators";
import { type Libc, openLibcIfAny } from "../../ffi/libc.ts";
import { isMainThread } from "../../ffi/thread.ts";
import { type MemoryRange, wipe, wipeOnForkRanges } from "../../ffi/wipe_on_fork.ts";
import type { CheckpointContext, Resource, RestoreContext } from "../../lifecycle/types.ts";
import { announceHolder, holdWorkers, releaseWorkers, renewWorkers } from "../workers/hold.ts";
import { type EarlyDraw, printDraw, watchDraws } from "./early_draws.ts";

export { type EarlyDraw, EarlyDrawError } from "./early_draws.ts";

/** Options of {@linkcode uniqueness}. */
export interface UniquenessOptions {
  /** Names the resource in refusals and in `status`. @default "uniqueness" */
  readonly name?: string;
  /**
   * Called right after a restore, when all generators of this thread are new and nothing else has run: for packages that keep what they have
   * drawn, such as `nuid.reset()`. Synchronous.
   */
  readonly reset?: () => void;
  /**
   * What to do when the program draws random numbers before its first checkpoint, which all copies of its image would share: `report` tells `onDraw`
   * once for each place, `throw` throws {@linkcode EarlyDrawError} there. For development: it puts functions of its own around those that draw. What the runtime draws
   * itself, and functions that were captured or imported by name before, are not seen. @default nothing
   */
  readonly beforeCheckpoint?: "report" | "throw";
  /** Gets what `beforeCheckpoint: "report"` finds. @default prints it on stderr */
  readonly onDraw?: (draw: EarlyDraw) => void;
}

/**
 * Gives every generator of a restored process a new seed of the kernel, synchronously, before any other code of the thread runs: `crypto`,
 * `crypto.subtle`, `node:crypto` (with callbacks too), `Math.random`, `Bun.randomUUIDv7`, TLS. After a dump that was not restored it does nothing.
 *
 * Register it before all other resources. Workers take part when they call `joinWorker()` of criu-aware/worker. In Deno `Math.random` is replaced, at once, by a
 * function that can be given a seed. In `criu-aware/simulate`, and on other systems, it does nothing.
 *
 * Its hooks throw, and so refuse the checkpoint or report a recovery that failed, when a generator or a worker is not to be reached.
 *
 * @throws {TypeError} for an unknown `beforeCheckpoint`.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { uniqueness } from "criu-aware/resources/uniqueness";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * agent.register(uniqueness());
 * ```
 */
export function uniqueness(options: UniquenessOptions = {}): Resource {
  const { name = "uniqueness", reset, beforeCheckpoint, onDraw = printDraw } = options;
  generators.replace();
  const watch = beforeCheckpoint === undefined ? undefined : watchDraws(beforeCheckpoint, onDraw);
  let libc: Libc | undefined;
  let shared: MemoryRange[] = [];
  const owner = {};
  if (isMainThread()) announceHolder();
  return {
    name,
    tier: "runtime",
    beforeCheckpoint: (context) => prepare(context),
    afterRestore(context) {
      if (!context.unprepared) return recover(context);
      // Late, and still better than never: from here on no copy draws what another one does.
      return prepare({ ...context, criuOptions: [] }).finally(() => recover(context));
    },
  };

  async function prepare(context: CheckpointContext): Promise<void> {
    libc = await openLibcIfAny();
    if (!libc) return;
    const isNeeded = generators.touch();
    shared = wipeOnForkRanges(shared);
    if (isNeeded && shared.length === 0) throw new Error(NOT_FOUND);
    if (!isMainThread()) return;
    renewWorkers();
    await holdWorkers(owner, context);
  }

  function recover(context: RestoreContext): void | Promise<void> {
    const { outcome, simulated } = context;
    const isCopy = outcome === "restored" && !simulated;
    if (outcome !== "aborted") watch?.[Symbol.dispose]();
    try {
      if (isCopy) renew();
      if (isCopy) reset?.();
    } catch (error) {
      // They go on all the same.
      void releaseQuietly(context);
      throw error;
    }
    return releaseWorkers(owner, context);
  }

  async function releaseQuietly(context: RestoreContext): Promise<void> {
    try {
      await releaseWorkers(owner, context);
    } catch {}
  }

  function renew(): void {
    if (!libc) throw new Error("libc was not to be opened before the dump");
    wipe(libc, shared);
    generators.renew(libc);
  }
}

const NOT_FOUND =
  "Cannot find the page by which the random generators of this process learn that they are a copy (no mapping in /proc/self/smaps has the flag wf). It needs /proc, and Linux 4.14 or newer.";
