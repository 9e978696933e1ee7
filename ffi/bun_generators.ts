import { setRandomSeed } from "bun:jsc";
import type { Generators } from "./generators.ts";
import { kernelRandom } from "./kernel_random.ts";
import type { Libc } from "./libc.ts";

/** What each JavaScript thread of Bun draws ahead of BoringSSL for `getRandomValues` and `randomUUID`, in bytes. */
const AHEAD = 2048;
/** More is drawn of BoringSSL directly. */
const MOST_AT_ONCE = 256;

const { crypto } = globalThis;
const draw = crypto.getRandomValues.bind(crypto);

/** Bun, whose generators are BoringSSL's, but for Math.random. */
export const generators: Generators = { replace() {}, touch, renew, begin: renew };

function touch(): boolean {
  // BoringSSL makes the page when a thread draws from it, and not from what was drawn ahead.
  draw(new Uint8Array(AHEAD));
  return true;
}

function renew(libc: Libc): void {
  for (let drawn = 0; drawn < AHEAD; drawn += MOST_AT_ONCE) draw(new Uint8Array(MOST_AT_ONCE));
  // Of the engine itself, so that captured and compiled Math.random is renewed as well.
  setRandomSeed(kernelRandom(libc, 1)[0] as number);
}
