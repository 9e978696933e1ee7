/**
 * Math.random of Deno cannot be given a new seed; so it is replaced, by a function that can be. sfc32 by Chris Doty-Humphrey (PractRand), 53 bits a number, and
 * like V8's own it works ahead, which is what makes it as fast.
 */
const AHEAD = 128;
const numbers = new Float64Array(AHEAD);
let left = 0;
let [a, b, c, d] = crypto.getRandomValues(new Int32Array(4)) as unknown as [number, number, number, number];

function workAhead(): void {
  let [s, t, u, v] = [a, b, c, d];
  const next = (): number => {
    const sum = (((s + t) | 0) + v) | 0;
    v = (v + 1) | 0;
    s = t ^ (t >>> 9);
    t = (u + (u << 3)) | 0;
    u = (((u << 21) | (u >>> 11)) + sum) | 0;
    return sum;
  };
  for (let i = 0; i < AHEAD; i++) numbers[i] = ((next() >>> 5) * 0x400_0000 + (next() >>> 6)) / 0x20_0000_0000_0000;
  [a, b, c, d] = [s, t, u, v];
  left = AHEAD;
}

const { random: original } = Math;
/** Bound: such a function is native to those who look, and like the original it is no constructor. */
const random = (() => {
  if (left === 0) workAhead();
  return numbers[--left] as number;
}).bind(undefined);
const text = `${original}`;
Object.defineProperty(random, "name", { value: original.name, configurable: true });
Object.defineProperty(random, "toString", { value: (() => text).bind(undefined), configurable: true, writable: true });

/** Who has captured the original goes on at another place of its sequence: up to so many numbers later. */
const MOST_SKIPPED = 0xffff;

/** Math.random as it is replaced, once for each JavaScript thread. */
export const mathRandom = {
  /** Puts it in the place of the original, and of no other: tests and simulations put their own there. */
  replace(): void {
    if (Math.random === original) Math.random = random;
  },
  /** Goes on with these five words of 32 bits. */
  seed([first = 0, second = 0, third = 0, fourth = 0, skipped = 0]: Uint32Array): void {
    [a, b, c, d] = [first | 0, second | 0, third | 0, fourth | 0];
    left = 0;
    for (let n = skipped & MOST_SKIPPED; n > 0; n--) original();
  },
};
