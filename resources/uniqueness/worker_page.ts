import { listProc, readProcLink } from "#proc";
import { waitFutex, wakeFutex } from "../../ffi/futex.ts";
import type { Libc } from "../../ffi/libc.ts";
import { mapShared } from "../../ffi/memory.ts";
import { createMemfd, SEALED_SIZE, type SharedMemory, sealsOf } from "../../ffi/shared_memory.ts";

const NAME = "criu-aware-worker";
const LINK = `/memfd:${NAME} (deleted)`;
const PAGE_BYTES = 4096;
const WAIT_MS = 1000;

/** 32-bit words of the page, in this order. `fd` rings at the worker. */
const words = { version: 0, thread: 1, fd: 2, asked: 3, state: 4 } as const;
const VERSION = 1;

/** What the main thread asks for. */
export const asks = { goOn: 0, hold: 1, renew: 2 } as const;
/** How a worker is. */
export const workerStates = { running: 0, held: 1, failed: 2 } as const;

/** What a worker and the main thread share: a memfd of the worker's, by which the main thread finds it. Both map it; the worker has the descriptor. */
export class WorkerPage implements Disposable {
  readonly #libc: Libc;
  readonly #memory: Omit<SharedMemory, "fd">;
  readonly #words: Int32Array;

  private constructor(libc: Libc, memory: Omit<SharedMemory, "fd">) {
    this.#libc = libc;
    this.#memory = memory;
    this.#words = new Int32Array(memory.buffer);
  }

  /** That of this worker. `fd` is the descriptor that rings. */
  static create(libc: Libc, thread: number, fd: number): WorkerPage {
    const page = new WorkerPage(libc, createMemfd(libc, NAME, PAGE_BYTES, { sealed: true }));
    page.set("thread", thread);
    page.set("fd", fd);
    page.set("version", VERSION);
    return page;
  }

  /** Those of all workers, by their descriptors. A page of another version of this package is left alone. */
  static findAll(libc: Libc): { readonly fd: number; readonly page: WorkerPage }[] {
    return listProc("/proc/self/fd").flatMap((name) => {
      const fd = Number(name);
      if (!isPage(libc, fd)) return [];
      const page = new WorkerPage(libc, mapShared(libc, fd, PAGE_BYTES));
      if (page.get("version") === VERSION) return [{ fd, page }];
      page[Symbol.dispose]();
      return [];
    });
  }

  get(word: keyof typeof words): number {
    return Atomics.load(this.#words, words[word]);
  }

  /** Sets a word and wakes who waits for it. */
  set(word: keyof typeof words, value: number): void {
    Atomics.store(this.#words, words[word], value);
    wakeFutex(this.#libc, this.#addressOf(word));
  }

  /** Blocks this thread while the word has this value, at most for a second. */
  wait(word: keyof typeof words, value: number, timeoutMs: number = WAIT_MS): void {
    waitFutex(this.#libc, this.#addressOf(word), value, timeoutMs);
  }

  #addressOf(word: keyof typeof words): bigint {
    return this.#memory.address + BigInt(words[word] * Int32Array.BYTES_PER_ELEMENT);
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

/** Any file may be called so; only a memfd can have its size sealed. */
function isPage(libc: Libc, fd: number): boolean {
  try {
    return readProcLink(`/proc/self/fd/${fd}`) === LINK && sealsOf(libc, fd) === SEALED_SIZE;
  } catch {
    return false;
  }
}
