import { readProcLink } from "#proc";
import { decoder, encoder } from "../../ffi/bytes.ts";
import { waitFutex, wakeFutex } from "../../ffi/futex.ts";
import type { Libc } from "../../ffi/libc.ts";
import { type Mapping, mapShared } from "../../ffi/memory.ts";
import { createMemfd, SEALED_SIZE, sealsOf } from "../../ffi/shared_memory.ts";
import { duplicate } from "../../ffi/stream_socket.ts";

/** The kernel keeps memory only for what was used of it. */
const PAGE_BYTES = 65_536;
const WAIT_MS = 1000;
/** Where the texts are, and how long they may be. The words come before. */
const texts = {
  notice: { at: 4096, bytes: 16_384 },
  reasons: { at: 20_480, bytes: 22_528 },
  errors: { at: 43_008, bytes: 22_528 },
} as const;

/** Memory that threads of one process share. Each maps it; one of them has its descriptor, by whose name the others find it. */
export class SharedPage<Word extends string> implements Disposable {
  readonly #libc: Libc;
  readonly #names: readonly Word[];
  readonly #memory: Mapping;
  readonly #words: Int32Array;

  private constructor(libc: Libc, names: readonly Word[], memory: Mapping) {
    this.#libc = libc;
    this.#names = names;
    this.#memory = memory;
    this.#words = new Int32Array(memory.buffer);
  }

  /** A new one. Its disposal closes the descriptor. */
  static create<Word extends string>(libc: Libc, names: readonly Word[], called: string): SharedPage<Word> {
    return new SharedPage(libc, names, createMemfd(libc, called, PAGE_BYTES, { sealed: true }));
  }

  /** The one that a descriptor of this process leads to; undefined when it is something else by now. */
  static map<Word extends string>(
    libc: Libc,
    names: readonly Word[],
    fd: number,
    link: string,
  ): SharedPage<Word> | undefined {
    let own: number | undefined;
    try {
      // Its owner may close it meanwhile, and something else have its number.
      own = duplicate(libc, fd);
      // Any file may be called so; only a memfd can have its size sealed.
      const isPage = readProcLink(`/proc/self/fd/${own}`) === link && sealsOf(libc, own) === SEALED_SIZE;
      return isPage ? new SharedPage(libc, names, mapShared(libc, own, PAGE_BYTES)) : undefined;
    } catch {
      return undefined;
    } finally {
      if (own !== undefined) libc.close(own);
    }
  }

  /** Where it is for this thread. */
  get address(): bigint {
    return this.#memory.address;
  }

  /** Takes away what a thread that has ended has mapped. */
  static unmap(libc: Libc, address: bigint): void {
    libc.munmap(address, PAGE_BYTES);
  }

  get(word: Word): number {
    return Atomics.load(this.#words, this.#names.indexOf(word));
  }

  /** Sets a word and wakes who waits for it. */
  set(word: Word, value: number): void {
    Atomics.store(this.#words, this.#names.indexOf(word), value);
    wakeFutex(this.#libc, this.#addressOf(word));
  }

  /** Sets a word if it is `from`, and says whether it was. */
  swap(word: Word, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, this.#names.indexOf(word), from, to) === from;
  }

  /** Blocks this thread while the word has this value, at most for a second. */
  wait(word: Word, value: number, timeoutMs: number = WAIT_MS): void {
    waitFutex(this.#libc, this.#addressOf(word), value, timeoutMs);
  }

  /** What was left by {@linkcode leave}. */
  read(text: keyof typeof texts): unknown {
    const { at, bytes } = texts[text];
    const field = new Uint8Array(this.#memory.buffer, at, bytes);
    return JSON.parse(decoder.decode(field.slice(0, field.indexOf(0))));
  }

  /** Leaves a value that JSON can carry, and for which there is room. */
  leave(text: keyof typeof texts, value: unknown): void {
    const { at, bytes } = texts[text];
    encoder.encodeInto(`${JSON.stringify(value)}\0`, new Uint8Array(this.#memory.buffer, at, bytes));
  }

  #addressOf(word: Word): bigint {
    return this.#memory.address + BigInt(this.#names.indexOf(word) * Int32Array.BYTES_PER_ELEMENT);
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}
