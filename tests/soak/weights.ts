/**
 * What the app trains: numbers of which each is made from the one before, in place, so that one wrong bit stays wrong. What they are after
 * any number of steps can also be told at once, by whoever has never seen them.
 */
import { createHash } from "node:crypto";

/** 256 KiB. One copy that were forgotten each round would show. */
export const WEIGHTS: number = 1 << 16;
// A linear congruential generator modulo 2^32 (Numerical Recipes).
const FACTOR = 1_664_525;
const SUMMAND = 1_013_904_223;

/** Those before the first step. */
export function firstWeights(): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: WEIGHTS }, (_, i) => Math.imul(i, 2_654_435_761));
}

/** Makes one step, in place. */
export function train(weights: Uint32Array): void {
  for (let i = 0; i < weights.length; i++) weights[i] = Math.imul(weights[i] as number, FACTOR) + SUMMAND;
}

/** The digest of the weights after so many steps, without going through them. */
export function digestAfter(steps: number): string {
  let [factor, summand] = [1, 0];
  // Two steps that are one: w → f·w + s, and then again.
  for (let left = steps, f = FACTOR, s = SUMMAND; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) [factor, summand] = [Math.imul(factor, f), (Math.imul(summand, f) + s) | 0];
    [f, s] = [Math.imul(f, f), (Math.imul(s, f) + s) | 0];
  }
  return digestOf(firstWeights().map((weight) => Math.imul(weight, factor) + summand));
}

/** SHA-256 of all bits. */
export function digestOf(weights: Uint32Array): string {
  return createHash("sha256").update(weights).digest("hex");
}
