import { CLOCK_BOOTTIME, CLOCK_MONOTONIC, createClock } from "../ffi/clock.ts";
import { openLibc } from "../ffi/libc.ts";
import { checkTime } from "../lifecycle/time.ts";
import type { Evidence } from "./evidence.ts";

/** What the clocks of the kernel say at one moment, in milliseconds: clock_gettime(2). */
export interface ClockReading {
  /** CLOCK_MONOTONIC: stands still while the machine sleeps. */
  readonly monotonicMs: number;
  /** CLOCK_BOOTTIME: goes on while the machine sleeps. */
  readonly boottimeMs: number;
  /** CLOCK_REALTIME: the time of day, since 1970. */
  readonly realtimeMs: number;
}

/** How the clocks went between two readings. */
export interface ClockEvidence extends Evidence {
  /** By how much the time of day went further than CLOCK_BOOTTIME, in milliseconds; negative when it went less far. */
  readonly missingMs: number;
  /** By how much CLOCK_BOOTTIME went further than CLOCK_MONOTONIC: so long the machine slept. */
  readonly sleptMs: number;
  /** By how much CLOCK_BOOTTIME went back; 0 when it did not. */
  readonly wentBackMs: number;
}

/** How to compare. */
export interface ClockComparison {
  /** Differences up to this are none, in milliseconds: NTP corrects the time of day by up to 0.5 ms a second. @default 1000 */
  readonly toleranceMs?: number;
}

/** Reads the clocks. @throws {UnsupportedPlatformError} on anything but Linux with Bun or Deno. */
export async function readClocks(): Promise<ClockReading> {
  const libc = await openLibc();
  return {
    monotonicMs: createClock(libc, CLOCK_MONOTONIC)(),
    boottimeMs: createClock(libc, CLOCK_BOOTTIME)(),
    realtimeMs: createClock(libc)(),
  };
}

/**
 * Weak evidence: time that the time of day knows of and CLOCK_BOOTTIME does not is time that the process was an image; or that clock
 * went back, as on another boot.
 *
 * **Says restore, and there was none:** the time of day was set; the virtual machine was paused; the readings are of two programs in
 * two time namespaces, as of one and the same service before and after a restart in a container.
 *
 * **Says nothing, and there was one:** it was an image for less than `toleranceMs`; its clocks were set to go on, as `criu-aware restore` does (`--clock wall`).
 *
 * @throws {RangeError} for a tolerance that is negative or NaN.
 * @example
 * ```ts
 * import { compareClocks, readClocks } from "criu-aware/evidence";
 *
 * const before = await readClocks();
 * // Later.
 * const { suggestsRestore, missingMs } = compareClocks(before, await readClocks());
 * console.log(suggestsRestore, missingMs);
 * ```
 */
export function compareClocks(
  before: ClockReading,
  after: ClockReading,
  { toleranceMs = 1000 }: ClockComparison = {},
): ClockEvidence {
  checkTime("toleranceMs", toleranceMs);
  const passed = (clock: keyof ClockReading): number => after[clock] - before[clock];
  const missingMs = passed("realtimeMs") - passed("boottimeMs");
  const sleptMs = passed("boottimeMs") - passed("monotonicMs");
  const wentBackMs = Math.max(0, -passed("boottimeMs"));
  const suggestsRestore = Math.abs(missingMs) > toleranceMs || wentBackMs > toleranceMs;
  return { suggestsRestore, missingMs, sleptMs, wentBackMs };
}
