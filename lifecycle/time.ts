/** Throws RangeError unless a timer can wait so many milliseconds: with NaN, a negative or a huge number it would not wait at all. */
export function checkTime(name: string, ms = 0): void {
  if (!(ms >= 0 && ms < 2 ** 31)) throw new RangeError(`${name} must be milliseconds from 0 to 2147483647, not ${ms}.`);
}
