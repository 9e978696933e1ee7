import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Content, Fields } from "./fields.ts";

/** The bytes of a message. */
export function encode<const F extends Fields>(fields: F, content: Content<F>): Uint8Array {
  const writer = new BinaryWriter();
  write(writer, fields, content);
  return writer.finish();
}

function write(writer: BinaryWriter, fields: Fields, content: Readonly<Record<string, unknown>>): void {
  for (const [name, [number, , type]] of Object.entries(fields)) {
    const value = content[name];
    for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value]) {
      if (typeof type !== "string") {
        writer.tag(number, WireType.LengthDelimited).fork();
        write(writer, type, one);
        writer.join();
        continue;
      }
      writer.tag(number, type === "string" || type === "bytes" ? WireType.LengthDelimited : WireType.Varint);
      (writer[type] as (value: unknown) => void).call(writer, one);
    }
  }
}
