import { encode } from "../protobuf/encode.ts";
import type { Content, Fields } from "../protobuf/fields.ts";
import { magics } from "./magics.ts";

/** One message as it lies in an image: after its length. */
export function message<const F extends Fields>(fields: F, content: Content<F>): Uint8Array {
  const bytes = encode(fields, content);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** An image file as CRIU writes it: its header, and messages or raw bytes. */
export function image(kind: keyof typeof magics, ...parts: Uint8Array[]): Buffer {
  const words =
    kind === "inventory" ? [magics.inventory] : [kind === "stats" ? magics.service : magics.common, magics[kind]];
  const header = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => void header.writeUInt32LE(word, i * 4));
  return Buffer.concat([header, ...parts]);
}
