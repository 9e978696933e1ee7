import { readSync } from "node:fs";
import { join } from "node:path";
import {
  type DescField,
  type DescMessage,
  fromBinary,
  isFieldSet,
  type Message,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { ImageError } from "./errors.ts";
import { magics } from "./magics.ts";
import { openRegularFile, type RegularFile } from "./regular_file.ts";

/** No message of CRIU's comes near: the largest, mm-*.img of a process with 65,000 mappings, has 4 MB. */
const LARGEST_MESSAGE = 64 * 2 ** 20;
const CHUNK = 64 * 2 ** 10;
/** By its number: the module that names it makes a dozen schemas that nobody here needs. */
const LEGACY_REQUIRED: FeatureSet_FieldPresence = 3;

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
  next<D extends DescMessage>(schema: D): MessageShape<D> | undefined {
    if (this.rest === 0) return undefined;
    const length = this.#take(4).readUInt32LE();
    if (length > this.rest) this.#fail(`is truncated: a message of ${length} bytes begins ${this.rest} before its end`);
    if (length > LARGEST_MESSAGE) this.#fail(`is damaged: it holds a message of ${length} bytes`);
    const bytes = this.#take(length);
    let message: MessageShape<D>;
    try {
      message = fromBinary(schema, bytes, { readUnknownFields: false });
    } catch (cause) {
      return this.#fail(`is damaged: ${(cause as Error).message}`, { cause });
    }
    const missing = missingField(schema, message);
    return missing ? this.#fail(`is damaged: it lacks ${missing.parent.name}.${missing.name}`) : message;
  }

  /** The next message, which must be there. */
  need<D extends DescMessage>(schema: D): MessageShape<D> {
    return this.next(schema) ?? this.#fail("is truncated: it has no content");
  }

  /** All messages from here to the end. */
  *all<D extends DescMessage>(schema: D): Generator<MessageShape<D>> {
    for (let message = this.next(schema); message; message = this.next(schema)) yield message;
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

/** A field that CRIU always writes and this message, or one inside of it, lacks. */
function missingField(schema: DescMessage, message: Message): DescField | undefined {
  for (const field of schema.fields) {
    const isSet = isFieldSet(message, field);
    if (!isSet && field.presence === LEGACY_REQUIRED) return field;
    if (!isSet || !field.message) continue;
    const value = (message as unknown as Record<string, Message | Message[]>)[field.localName] as Message | Message[];
    for (const inner of Array.isArray(value) ? value : [value]) {
      const missing = missingField(field.message, inner);
      if (missing) return missing;
    }
  }
  return undefined;
}
