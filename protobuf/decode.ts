import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { Field, Fields, Message } from "./fields.ts";

/**
 * Reads a message. Fields that it does not name are left out, and so are those of another type.
 * @throws {Error} when the bytes are none, or lack a field that is required.
 */
export function decode<const F extends Fields>(fields: F, bytes: Uint8Array): Message<F> {
  return read(fields, bytes, "") as Message<F>;
}

/** @param path of the message in that which it is a part of. */
function read(fields: Fields, bytes: Uint8Array, path: string): unknown {
  const { byNumber, required, repeated } = indexOf(fields);
  const message: Record<string, unknown> = {};
  for (const name of repeated) message[name] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = byNumber.get(number);
    const values = field ? valuesOf(reader, wireType, field, path) : undefined;
    if (!field || !values) reader.skip(wireType, number);
    else if (field.rule === "repeated") (message[field.name] as unknown[]).push(...values);
    else message[field.name] = values[0];
  }
  const missing = required.find((name) => !(name in message));
  if (missing !== undefined) throw new Error(`it lacks ${path}${missing}`);
  return message;
}

/** What a field brings, a packed one several values; undefined when it is not what its type says. */
function valuesOf(reader: BinaryReader, wireType: WireType, field: NamedField, path: string): unknown[] | undefined {
  const { name, type } = field;
  const isDelimited = wireType === WireType.LengthDelimited;
  if (typeof type !== "string") return isDelimited ? [read(type, reader.bytes(), `${path}${name}.`)] : undefined;
  if (type === "string" || type === "bytes") return isDelimited ? [reader[type]()] : undefined;
  if (wireType === WireType.Varint) return [reader[type]()];
  if (!isDelimited || field.rule !== "repeated") return undefined;
  const values: unknown[] = [];
  for (const packed = new BinaryReader(reader.bytes()); packed.pos < packed.len; ) values.push(packed[type]());
  return values;
}

interface NamedField {
  readonly name: string;
  readonly rule: Field[1];
  readonly type: Field[2];
}

interface Index {
  readonly byNumber: ReadonlyMap<number, NamedField>;
  readonly required: readonly string[];
  readonly repeated: readonly string[];
}

/** A dump may hold a hundred thousand messages of a kind. */
const indices = new WeakMap<Fields, Index>();

function indexOf(fields: Fields): Index {
  const known = indices.get(fields);
  if (known) return known;
  const named = Object.entries(fields).map(([name, [number, rule, type]]) => ({ name, number, rule, type }));
  const of = (rule: Field[1]): string[] => named.filter((field) => field.rule === rule).map(({ name }) => name);
  const byNumber = new Map(named.map(({ number, ...field }) => [number, field]));
  const index = { byNumber, required: of("required"), repeated: of("repeated") };
  indices.set(fields, index);
  return index;
}
