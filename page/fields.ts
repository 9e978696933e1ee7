import { decoder, encoder } from "../ffi/bytes.ts";
import { wakeFutex } from "../ffi/futex.ts";
import type { Libc } from "../ffi/libc.ts";
import type { SharedMemory } from "../ffi/shared_memory.ts";
import { numbers, PAGE_BYTES, texts } from "./layout.ts";

/** Reads and writes the fields of a mapped page by name. Numbers are atomic, texts are not. */
export class Fields {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #libc: Libc;
  readonly #address: bigint;

  constructor(libc: Libc, memory: Pick<SharedMemory, "address" | "buffer">) {
    this.#libc = libc;
    this.#address = memory.address;
    this.#words = new Int32Array(memory.buffer, 0, PAGE_BYTES / 4);
    this.#bytes = new Uint8Array(memory.buffer, 0, PAGE_BYTES);
  }

  get(name: keyof typeof numbers): number {
    return Atomics.load(this.#words, numbers[name] / 4) >>> 0;
  }

  set(name: keyof typeof numbers, value: number): void {
    Atomics.store(this.#words, numbers[name] / 4, value | 0);
  }

  increment(name: keyof typeof numbers, by = 1): void {
    Atomics.add(this.#words, numbers[name] / 4, by);
  }

  addressOf(name: keyof typeof numbers): bigint {
    return this.#address + BigInt(numbers[name]);
  }

  /** Wakes everybody who waits for a change. */
  announce(): void {
    this.increment("changes");
    wakeFutex(this.#libc, this.addressOf("changes"));
  }

  /** The text up to the first NUL; what is no UTF-8 shows as U+FFFD. */
  text(name: keyof typeof texts): string {
    const { at, bytes } = texts[name];
    // Most often there is nothing, and this is asked for before the first hook.
    if (this.#bytes[at] === 0) return "";
    const end = this.#bytes.indexOf(0, at);
    // A copy, for the other side may be writing.
    return decoder.decode(this.#bytes.slice(at, end < 0 ? at + bytes : Math.min(end, at + bytes)));
  }

  /** Whether the text, which may be written meanwhile, is `ascii`. To compare takes a tenth of what it takes to decode. */
  is(name: keyof typeof texts, ascii: string): boolean {
    const start = texts[name].at;
    for (let i = 0; i <= ascii.length; i++) if (this.#bytes[start + i] !== (ascii.charCodeAt(i) || 0)) return false;
    return true;
  }

  /** Writes as much of `text` as fits, ended by NUL, and NUL over what else stood there: memory that was never used stays so. */
  setText(name: keyof typeof texts, text: string): void {
    const { at, bytes } = texts[name];
    const field = this.#bytes.subarray(at, at + bytes);
    const end = field.indexOf(0);
    const { written } = encoder.encodeInto(text, field);
    field.fill(0, written, Math.max(written + 1, end < 0 ? bytes : end));
  }
}
