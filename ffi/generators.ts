import type { Libc } from "./libc.ts";

/**
 * What is different between the runtimes in renewing the random generators of JavaScript. `bun_generators.ts` and `deno_generators.ts` implement it;
 * in any other runtime `node_generators.ts` is there, and has nothing to renew.
 */
export interface Generators {
  /** Replaces what could not be renewed otherwise, once for each JavaScript thread: what is captured afterwards is ours. */
  replace(): void;
  /**
   * Draws once: what tells the generators of all threads that they are a copy is then in memory that the kernel empties in a
   * forked child (`wipeOnForkRanges`). True when a process without such memory cannot be renewed.
   */
  touch(): boolean;
  /**
   * Gives this thread numbers that no copy of it has. Synchronous: nothing else of it runs before that is done. What all threads share is not part of it.
   * @throws {Error} when something is not to be reached.
   */
  renew(libc: Libc): void;
  /** The same for a thread that has just begun: what it has taken from a generator of the whole process. */
  begin(libc: Libc): void;
}
