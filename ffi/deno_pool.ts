import { randomFill } from "node:crypto";
import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import { createPoll } from "./poll.ts";

const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;
/** The least that a pipe can be given. */
const PAGE = 4096;
/** So many threads a pool of Deno's has at most (`max_blocking_threads` of its runtime). */
const MOST_THREADS = 32;
/** How long a thread may take to come, and to be done. */
const PATIENCE_MS = 2000;
/** When some have come: how long the next may take, and so many times longer than the slowest of them. */
const SHORT_PATIENCE_MS = 100;
const SLOWER = 10;

/** A pipe that a thread of the pool waits in: it writes more than fits. */
interface Stop {
  /** Waits until a thread has come, at most so long. */
  hasCome(patienceMs: number): boolean;
  /** Calls for a thread. */
  call(): void;
  /** Lets the thread go on. */
  release(): void;
  /** The thread that is still in it goes on with an error, which nobody sees. */
  close(): void;
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
  const { write } = bind(libc);
  const stops: Stop[] = [];
  let slowest = 0;
  try {
    while (stops.length < MOST_THREADS) {
      const stop = openStop(libc, write);
      const patience = stops.length === 0 ? PATIENCE_MS : SHORT_PATIENCE_MS + SLOWER * slowest;
      stops.push(stop);
      const called = performance.now();
      stop.call();
      const hasCome = stop.hasCome(patience);
      slowest = Math.max(slowest, performance.now() - called);
      if (hasCome) continue;
      // There are no more: what is left of the threads works for the app, and may do so for long.
      stops.pop()?.close();
      break;
    }
    if (stops.length === 0) throw new Error(BUSY);
    for (const stop of stops) {
      randomFill(new Uint8Array(bytes), () => {});
      stop.call();
      stop.release();
      if (!stop.hasCome(PATIENCE_MS)) throw new Error(BUSY);
    }
    for (const stop of stops) stop.release();
  } finally {
    for (const stop of stops) stop.close();
  }
}

const BUSY =
  "The threads that work for asynchronous functions do not answer: randomBytes(), generateKey() and their like with a callback may repeat what a copy draws. Draw in afterRestore with their synchronous forms, or dump when the app has less to do.";

let bound: { readonly write: Write } | undefined;

function bind({ soname }: Libc): { readonly write: Write } {
  bound ??= Deno.dlopen(soname, {
    write: { parameters: ["i32", "buffer", "usize"], result: "i64", nonblocking: true },
  }).symbols;
  return bound;
}

type Write = (fd: number, bytes: Uint8Array<ArrayBuffer>, length: bigint) => Promise<bigint>;

function openStop(libc: Libc, write: Write): Stop {
  const pair = new Int32Array(2);
  libc.check(libc.pipe2(bytesOf(pair), O_CLOEXEC), "open a pipe");
  const [end, start] = pair as unknown as [number, number];
  // The kernel rounds up.
  const size = libc.check(libc.fcntl(start, F_SETPIPE_SZ, PAGE), "make a pipe small");
  const more = new Uint8Array(size + 1);
  const poll = createPoll(libc, [end]);
  let calls = 0;
  let isClosed = false;
  const closeStart = (): void => {
    // A call that has not begun must not write into another file of this number.
    if (isClosed && calls === 0) libc.close(start);
  };
  return {
    hasCome(patienceMs) {
      for (const until = performance.now() + patienceMs; ; ) {
        if (poll(Math.max(0, until - performance.now())) === "readable") return true;
        if (performance.now() >= until) return false;
      }
    },
    call() {
      calls++;
      void write(start, more, BigInt(more.length)).finally(() => {
        calls--;
        closeStart();
      });
    },
    release() {
      const scratch = new Uint8Array(more.length);
      for (let left = more.length; left > 0; ) {
        left -= Number(libc.check(libc.read(end, scratch, left), "read from a pipe"));
      }
    },
    close() {
      isClosed = true;
      libc.close(end);
      closeStart();
    },
  };
}
