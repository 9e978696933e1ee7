import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";

const CLOCK_REALTIME = 0;

/**
 * The time of day in milliseconds since 1970, with microseconds: clock_gettime(2). Unlike `performance.timeOrigin +
 * performance.now()` it is right after a restore, and unlike Date.now() it is fine enough to tell where time went.
 */
export function createClock(libc: Libc): () => number {
  const timespec = new BigInt64Array(2);
  const bytes = bytesOf(timespec);
  return () => {
    libc.clock_gettime(CLOCK_REALTIME, bytes);
    return Number(timespec[0]) * 1000 + Math.round(Number(timespec[1]) / 1000) / 1000;
  };
}
