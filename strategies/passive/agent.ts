/**
 * Notices, some time afterwards, that the process was restored by somebody who has told nobody, and while it was not held.
 *
 * In Deno it needs `--allow-ffi`.
 *
 * @module
 */
import { setInterval } from "node:timers";
import { startedAt } from "../../ffi/process.ts";
import { hasOtherTimeForChildren, isAnotherLife, restoreSigns } from "../../ffi/restore_signs.ts";
import { checkTime } from "../../lifecycle/time.ts";
import { states } from "../../page/layout.ts";
import type { Strategy } from "../strategy.ts";

/** What `onRestore` gets. */
export interface Restore {
  /** How many times this process was restored. */
  readonly generation: number;
}

/** Options of {@linkcode passive}. */
export interface PassiveOptions {
  /**
   * The time between two looks, in milliseconds; Infinity for `check()` alone. A look takes about a tenth of a millisecond,
   * and the timer does not keep the process alive.
   * @default 1000
   */
  readonly intervalMs?: number;
  /**
   * Called after each restore, whoever has noticed it: once a generation, when every `afterRestore` is done. `agent.lastErrors` then has
   * what could not be rebuilt.
   */
  readonly onRestore?: (restore: Restore) => void;
}

/** A strategy that can also be asked at once. */
export interface Passive extends Strategy {
  /**
   * Looks now: for work that must not be done twice by two copies. True when this process was restored and that was not noticed before;
   * every resource is then being rebuilt, which `agent.state` shows. False as well during a checkpoint, whose hold tells by itself, and
   * before `attach()`.
   */
  check(): boolean;
}

/** Longer ones would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Takes no notice: nobody asks this way whether the app is ready, and nothing is prepared. It looks from time to time whether the process
 * was restored while it was not held: by CRIU alone, `podman`, or a cloud that says nothing. Then `afterRestore` of every resource
 * runs, with `unprepared: true`, and `agent.generation` grows. What the program has done since then, it has done as a copy that did not know it.
 *
 * What it compares is the kernel's: the start time of the process, its time namespace, the boot. docs/passive.md says what it costs and what it
 * cannot see.
 *
 * @throws {RangeError} for a time that is negative or NaN.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { passive } from "criu-aware/strategies/passive";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const restores = passive({ onRestore: ({ generation }) => console.log(`life ${generation}`) });
 * const agent = await attach({ strategies: [signal(), restores] });
 * agent.register({
 *   name: "cache",
 *   afterRestore: ({ unprepared }) => console.log(unprepared ? "nobody has asked" : "prepared"),
 * });
 * ```
 */
export function passive(options: PassiveOptions = {}): Passive {
  const { intervalMs = 1000, onRestore } = options;
  checkTime("intervalMs", intervalMs);
  let check = (): boolean => false;
  return {
    kind: "passive",
    check: () => check(),
    start({ page, lookForRestore }) {
      let known = restoreSigns();
      let told = page.fields.get("generation");
      const isRunning = (): boolean => states[page.fields.get("state")] === "running";
      check = () => {
        if (!isRunning()) return false;
        lookForRestore();
        return !isRunning();
      };
      const look = (): void => {
        lookForRestore();
        const generation = page.fields.get("generation");
        if (generation === told || !isRunning()) return;
        told = generation;
        // What it throws is the program's, and must not keep others from their look.
        if (onRestore) queueMicrotask(() => onRestore({ generation }));
      };
      const timer = intervalMs <= LONGEST_TIMER_MS ? setInterval(look, intervalMs).unref() : undefined;
      return {
        endpoint: { kind: "passive" },
        look,
        findRestore() {
          try {
            if (!isAnotherLife(known)) return undefined;
            const { startTime, bootId } = known;
            known = restoreSigns();
            if (known.startTime !== startTime) return startedAt("self");
            return known.bootId === bootId && hasOtherTimeForChildren() ? undefined : Date.now();
          } catch {
            // No descriptor is left to read /proc with: the next look may find one.
            return undefined;
          }
        },
        [Symbol.dispose]: () => clearInterval(timer),
      };
    },
  };
}
