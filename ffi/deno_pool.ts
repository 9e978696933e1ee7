import { randomFill } from "node:crypto";
import { FUTEX_WAIT, moveFutexWaiter, SYS_FUTEX, waitFutex, wakeFutex } from "./futex.ts";
import type { Libc } from "./libc.ts";

/** So many threads a pool of Deno's has at most (`max_blocking_threads` of its runtime). */
const MOST_THREADS = 32;
/** How long a thread may take to come, and to be done. */
const PATIENCE_MS = 2000;
/** When some have come: how long the next may take, and so many times longer than the slowest of them. */
const SHORT_PATIENCE_MS = 100;
const SLOWER = 10;
/** Between two looks for a thread. */
const LOOK_MS = 0.05;

/** A place where a thread of the pool waits until it is let go. */
interface Stop {
  /** Waits until a thread has come, at most so long. */
  hasCome(patienceMs: number): boolean;
  /** Calls for a thread. */
  call(): void;
  /** Lets the thread go on, and one that comes later. */
  release(): void;
}

/**
 * Has every idle thread of the pool draw `bytes` random bytes, so that its generator takes a new seed, and blocks until that is done. It is what works for
 * the asynchronous functions of node:crypto: some threads, each with a generator of its own, and no way to say which is to do a work. So all of them are stopped
 * in a call of C, and let go one by one: the only one that is free gets what is to be done. All means as many as there may be: with fewer, the pool would
 * start a new thread for it.
 *
 * @throws {Error} when the pool is too busy for that.
 */
export function visitPool(libc: Libc, bytes: number): void {
  const wait = bind(libc);
  const stops: Stop[] = [];
  let slowest = 0;
  try {
    while (stops.length < MOST_THREADS) {
      const stop = openStop(libc, wait);
      const patience = stops.length === 0 ? PATIENCE_MS : SHORT_PATIENCE_MS + SLOWER * slowest;
      stops.push(stop);
      const called = performance.now();
      stop.call();
      const hasCome = stop.hasCome(patience);
      slowest = Math.max(slowest, performance.now() - called);
      if (hasCome) continue;
      // There are no more: what is left of the threads works for the app, and may do so for long.
      stops.pop()?.release();
      break;
    }
    if (stops.length === 0) throw new Error(BUSY);
    for (const stop of [...stops]) {
      const done = openStop(libc, wait);
      stops.push(done);
      randomFill(new Uint8Array(bytes), () => {});
      done.call();
      stop.release();
      if (!done.hasCome(PATIENCE_MS)) throw new Error(BUSY);
    }
  } finally {
    for (const stop of stops) stop.release();
  }
}

const BUSY =
  "The threads that work for asynchronous functions do not answer: randomBytes(), generateKey() and their like with a callback may repeat what a copy draws. Draw in afterRestore with their synchronous forms, or dump when the app has less to do.";

type Wait = (word: Uint8Array<ArrayBuffer>) => Promise<unknown>;
let bound: Wait | undefined;

/** Waits in a thread of the pool for as long as the word is 0. A signal that is handled by the thread does not end that: the kernel begins it anew. */
function bind({ soname }: Libc): Wait {
  if (bound) return bound;
  const { syscall } = Deno.dlopen(soname, {
    syscall: { parameters: ["i64", "buffer", "i64", "i64", "i64", "i64", "i64"], result: "i64", nonblocking: true },
  }).symbols;
  bound = (word) => syscall(BigInt(SYS_FUTEX), word, BigInt(FUTEX_WAIT), 0n, 0n, 0n, 0n);
  return bound;
}

function openStop(libc: Libc, wait: Wait): Stop {
  // Threads come to the first word, and are moved to the second: who has been moved has come. Nobody ever changes the third.
  const words = new Int32Array(3);
  const bytes = new Uint8Array(words.buffer);
  const gate = libc.runtime.addressOf(bytes);
  const [inside, never] = [gate + 4n, gate + 8n];
  return {
    hasCome(patienceMs) {
      for (const until = performance.now() + patienceMs; ; waitFutex(libc, never, 0, LOOK_MS)) {
        if (moveFutexWaiter(libc, gate, 0, inside)) return true;
        if (performance.now() >= until) return false;
      }
    },
    call() {
      // The memory is there for as long as somebody may wait for it.
      void wait(bytes).finally(() => bytes);
    },
    release() {
      words[0] = 1;
      // One that a signal has taken out waits at the gate again.
      for (const address of [gate, inside]) wakeFutex(libc, address);
    },
  };
}
