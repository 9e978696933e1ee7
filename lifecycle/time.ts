/** Longer than this nobody holds an app without a sign of life: ten minutes. */
export const MAX_LEASE_MS = 600_000;

/** Throws RangeError unless it is a time to wait: with NaN, or a negative number, a timer would not wait at all. Infinity is no limit. */
export function checkTime(name: string, ms = 0): void {
  if (!(ms >= 0)) throw new RangeError(`${name} must be a number of milliseconds, 0 or more, not ${ms}.`);
}

/** The same for a lease. It has an end: otherwise an app would stay held for a driver that has gone. */
export function checkLease(name: string, ms: number): void {
  checkTime(name, ms);
  if (ms > MAX_LEASE_MS) throw new RangeError(`${name} must be at most ${MAX_LEASE_MS} (ten minutes), not ${ms}.`);
}
