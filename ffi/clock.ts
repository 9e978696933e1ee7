import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";

const CLOCK_REALTIME = 0;
/** Stands still while the machine sleeps. */
export const CLOCK_MONOTONIC = 1;
/** The same with the time in which the machine slept. */
export const CLOCK_BOOTTIME = 7;

/**
 * A clock of clock_gettime(2) in milliseconds, with microseconds: the time of day, since 1970, unless another one is asked for. Unlike
 * `performance.timeOrigin + performance.now()` it is right after a restore, and unlike Date.now() it is fine enough to tell where time went.
 */
export function createClock(libc: Libc, clock: number = CLOCK_REALTIME): () => number {
  // struct timespec { i64 tv_sec; i64 tv_nsec; }, read in halves: BigInt would allocate.
  const timespec = new Uint32Array(4);
  const bytes = bytesOf(timespec);
  return () => {
    libc.clock_gettime(clock, bytes);
    const [low, high, nanoseconds] = timespec as unknown as [number, number, number];
    return (high * 2 ** 32 + low) * 1000 + Math.round(nanoseconds / 1000) / 1000;
  };
}

/** Seconds since boot: clock_gettime(2) by CLOCK_BOOTTIME, in the time namespace of this process as `startTime()` is. */
export function secondsSinceBoot(libc: Libc): number {
  const timespec = new BigInt64Array(2);
  libc.clock_gettime(CLOCK_BOOTTIME, bytesOf(timespec));
  const [seconds, nanoseconds] = timespec as unknown as [bigint, bigint];
  return Number(seconds) + Number(nanoseconds) / 1e9;
}
