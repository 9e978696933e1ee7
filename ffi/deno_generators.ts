import { mathRandom } from "./deno_math_random.ts";
import { visitPool } from "./deno_pool.ts";
import type { Generators } from "./generators.ts";
import { kernelRandom } from "./kernel_random.ts";

/** A thread's generator (`ThreadRng` of the crate rand) takes a new seed of the kernel after so many bytes. */
const SEED_LASTS = 65_536;
/** So many UUIDs are made ahead. */
const UUIDS_AHEAD = 128;

const { crypto } = globalThis;
const draw = crypto.getRandomValues.bind(crypto);
const uuid = crypto.randomUUID.bind(crypto);

/** Deno, where each thread has a generator of its own: also those of the pool that works for a JavaScript thread. */
export const generators: Generators = {
  replace: mathRandom.replace,
  touch: () => false,
  renew(libc) {
    const bytes = new Uint8Array(SEED_LASTS);
    // What is left of the old seed may be as much as that; the last block of it is used up, too.
    for (let seeds = 0; seeds < 2; seeds++) draw(bytes);
    for (let n = 0; n < UUIDS_AHEAD; n++) uuid();
    mathRandom.seed(kernelRandom(libc, 5));
    visitPool(libc, 2 * SEED_LASTS);
  },
  // Its generators, and those of its pool, have taken their seeds of the kernel.
  begin() {},
};
