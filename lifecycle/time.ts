/** Throws RangeError unless it is a time to wait: with NaN, or a negative number, a timer would not wait at all. Infinity is no limit. */
export function checkTime(name: string, ms = 0): void {
  if (!(ms >= 0)) throw new RangeError(`${name} must be a number of milliseconds, 0 or more, not ${ms}.`);
}
