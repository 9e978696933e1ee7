import { readSync } from "node:fs";
import { join } from "node:path";
import { decode } from "../protobuf/decode.ts";
import type { Fields, Message } from "../protobuf/fields.ts";
import { ImageError } from "./errors.ts";
import { magics } from "./magics.ts";
import { openRegularFile, type RegularFile } from "./regular_file.ts";

/** No message of CRIU's comes near: the largest, mm-*.img of a process with 65,000 mappings, has 4 MB. */
const LARGEST_MESSAGE = 64 * 2 ** 20;
const CHUNK = 64 * 2 ** 10;

/**
 * One image file of CRIU's, read in order: a magic, then messages, each after its length (https://criu.org/Images). No length is
 * believed: a message longer than what is left of the file is an error before anything is allocated for it.
 */
export class ImageReader implements Disposable {
  readonly path: string;
  readonly #file: RegularFile;
  readonly #bytes: number;
  #position = 0;
  /** What was read beyond the position. */
  #ahead: Buffer = Buffer.alloc(0);

  /** @throws {ImageError} when there is no such file, or it is not of this kind. */
  constructor(directory: string, name: string, kind: keyof typeof magics) {
    this.path = join(directory, name);
    this.#file = openRegularFile(this.path);
    this.#bytes = this.#file.stat.size;
    try {
      this.#checkMagic(kind);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The bytes behind the last message. */
  get rest(): number {
    return this.#bytes - this.#position;
  }

  /**
   * The next message; undefined at the end.
   * @throws {ImageError} when the file ends inside of it, or it lacks a field that CRIU always writes.
   */
  next<const F extends Fields>(fields: F): Message<F> | undefined {
    if (this.rest === 0) return undefined;
    const length = this.#take(4).readUInt32LE();
    if (length > this.rest) this.#fail(`is truncated: a message of ${length} bytes begins ${this.rest} before its end`);
    if (length > LARGEST_MESSAGE) this.#fail(`is damaged: it holds a message of ${length} bytes`);
    const bytes = this.#take(length);
    try {
      return decode(fields, bytes);
    } catch (cause) {
      return this.#fail(`is damaged: ${(cause as Error).message}`, { cause });
    }
  }

  /** The next message, which must be there. */
  need<const F extends Fields>(fields: F): Message<F> {
    return this.next(fields) ?? this.#fail("is truncated: it has no content");
  }

  /** All messages from here to the end. */
  *all<const F extends Fields>(fields: F): Generator<Message<F>> {
    for (let message = this.next(fields); message; message = this.next(fields)) yield message;
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #checkMagic(kind: keyof typeof magics): void {
    if (this.#bytes < 4) this.#fail("is truncated: it has no header");
    let magic = this.#take(4).readUInt32LE();
    // All but the oldest images have a common word before the magic of their kind; the inventory has not.
    if (magic === magics.common || magic === magics.service) {
      if (this.rest < 4) this.#fail("is truncated: it has no header");
      magic = this.#take(4).readUInt32LE();
    }
    if (magic !== magics[kind]) this.#fail(`is no ${kind} image of CRIU's, or its header is damaged`);
  }

  #take(length: number): Buffer {
    if (length > this.rest) this.#fail("is truncated: it ends inside of a length");
    if (length > this.#ahead.length) this.#ahead = this.#read(Math.min(Math.max(length, CHUNK), this.rest));
    const bytes = this.#ahead.subarray(0, length);
    this.#ahead = this.#ahead.subarray(length);
    this.#position += length;
    return bytes;
  }

  /** Reads from the position on. A fresh buffer each time: messages keep parts of it. */
  #read(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#file.fd, bytes, done, length - done, this.#position + done);
      if (count === 0) this.#fail("is truncated: it became shorter while it was read");
      done += count;
    }
    return bytes;
  }

  #fail(reason: string, options?: ErrorOptions): never {
    throw new ImageError(this.path, reason, options);
  }
}
