/**
 * A resource for what goes by the time of day: timers that keep their date over a restore, how long the app was an image, and a word when
 * its timers stand still.
 *
 * In Deno it needs no permission.
 *
 * @module
 */
import type { Resource } from "../lifecycle/types.ts";

/** Options of {@linkcode clocks}. */
export interface ClocksOptions {
  /**
   * Told that the monotonic clock went back over a restore, and by how much, at least, in milliseconds. For so long every timer and
   * interval that was made before stands still, those of workers too. Timers that are made from now on work; in Deno they do not either
   * when the clock is now before the start of the process. Nothing cures it from inside: end the process, for its supervisor to start it
   * anew, or restore it where CRIU can set the clock. What it throws is what could not be rebuilt.
   * @default warns on stderr
   */
  readonly onClockWentBack?: (byMs: number) => void;
}

/** Options of {@linkcode Clocks.wallClockTimeout}. */
export interface WallClockTimeoutOptions {
  /** Cancels. */
  readonly signal?: AbortSignal;
}

/** A resource that can also be asked for times. */
export interface Clocks extends Resource {
  /** How long the app was held for its last checkpoint, in milliseconds, as `frozenMs` of the hooks says it; 0 before the first. */
  readonly frozenMs: number;
  /** Milliseconds since this process was restored last, by the monotonic clock; before the first restore, since it was started. */
  readonly uptimeSinceRestore: number;
  /**
   * Calls `fn` once, when the time of day has come to `date`: never before, also when the date is years away, and at once when it has
   * passed. The date stands whatever becomes of the process: after a restore the timer is set anew, and between restores it looks at the
   * time of day at least once a minute, for a clock that was set, or a machine that slept. Like any timer it keeps the process alive, and
   * it may come before later resources are rebuilt. Disposal of what is returned cancels it.
   *
   * @param date a Date, or milliseconds since 1970.
   * @throws {RangeError} for a date that is none. @throws {TypeError} when `fn` is no function.
   */
  wallClockTimeout(date: Date | number, fn: () => void, options?: WallClockTimeoutOptions): Disposable;
}

/**
 * Looks after what a restore does to time. A tree that `criu-aware restore` brings back has clocks that ran on meanwhile, unless
 * `--clock=continue` was given or others have run CRIU: then every timer is late by the time as an image, and those made by
 * `wallClockTimeout` are not. Timers of a worker are its own: let this thread keep the dates and tell it.
 *
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { clocks } from "criu-aware/resources/clocks";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * const clock = clocks();
 * agent.register(clock);
 * clock.wallClockTimeout(new Date("2030-01-01T00:00:00Z"), () => console.log("a new decade"));
 * console.log(clock.frozenMs, clock.uptimeSinceRestore);
 * ```
 */
export function clocks({ onClockWentBack = warn }: ClocksOptions = {}): Clocks {
  const timers = new Set<WallClockTimer>();
  let frozenMs = 0;
  let restoredAt = 0;
  let heldAt = Number.NEGATIVE_INFINITY;
  return {
    name: "clocks",
    tier: "runtime",
    get frozenMs() {
      return frozenMs;
    },
    get uptimeSinceRestore() {
      return performance.now() - restoredAt;
    },
    wallClockTimeout(date, fn, { signal } = {}) {
      const at = date instanceof Date ? date.getTime() : date;
      if (!Number.isFinite(at)) {
        throw new RangeError(`wallClockTimeout() needs a valid Date, or milliseconds since 1970, not ${String(date)}.`);
      }
      if (typeof fn !== "function") throw new TypeError("wallClockTimeout() needs a function to call.");
      return new WallClockTimer(at, fn, signal, timers);
    },
    beforeHold() {
      heldAt = performance.now();
    },
    afterRestore(context) {
      const now = performance.now();
      const wentBackMs = heldAt - now;
      heldAt = Number.NEGATIVE_INFINITY;
      frozenMs = context.frozenMs;
      if (context.outcome === "restored" && !context.simulated) restoredAt = now;
      for (const timer of timers) timer.set();
      if (wentBackMs > 0) onClockWentBack(wentBackMs);
    },
  };
}

/** More often than this nobody sets a clock; and setTimeout() takes no more than 24 days. */
const LOOK_MS = 60_000;

class WallClockTimer implements Disposable {
  readonly #at: number;
  readonly #fn: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #all: Set<WallClockTimer>;
  readonly #cancel = (): void => this[Symbol.dispose]();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(at: number, fn: () => void, signal: AbortSignal | undefined, all: Set<WallClockTimer>) {
    this.#at = at;
    this.#fn = fn;
    this.#signal = signal;
    this.#all = all;
    if (signal?.aborted) return;
    signal?.addEventListener("abort", this.#cancel);
    all.add(this);
    this.set();
  }

  /** Sets it, or sets it anew: a timer of before a restore may stand still. */
  set(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.max(0, this.#at - Date.now()), LOOK_MS));
  }

  #look(): void {
    if (Date.now() < this.#at) return this.set();
    this[Symbol.dispose]();
    this.#fn();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#cancel);
    this.#all.delete(this);
  }
}

function warn(byMs: number): void {
  console.warn(
    `criu-aware: the monotonic clock went back over the restore, by ${Math.ceil(byMs / 1000)} s or more. For so long every timer that ` +
      "was made before stands still. Start this program anew, or restore it where CRIU can set the clock (Linux with time namespaces, " +
      "no --unprivileged).",
  );
}
