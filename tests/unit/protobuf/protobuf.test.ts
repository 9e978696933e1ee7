/** Messages of protobuf: written and read, with bytes that protobuf's own documentation has, and with such that are none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../../protobuf/decode.ts";
import { encode } from "../../../protobuf/encode.ts";

const inner = { a: [1, "optional", "int32"] } as const;
const fields = {
  id: [1, "required", "uint32"],
  name: [2, "optional", "string"],
  child: [3, "optional", inner],
  list: [6, "repeated", "int32"],
  size: [7, "optional", "uint64"],
  isOpen: [8, "optional", "bool"],
  raw: [9, "optional", "bytes"],
  children: [20, "repeated", inner],
} as const;
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hex = (message: Uint8Array): string => Buffer.from(message).toString("hex");

test("messages have the bytes of the documentation of protobuf", () => {
  assert.equal(hex(encode({ a: [1, "optional", "int32"] }, { a: 150 })), "089601");
  assert.equal(hex(encode({ b: [2, "optional", "string"] }, { b: "testing" })), "120774657374696e67");
  assert.equal(hex(encode({ c: [3, "optional", inner] }, { c: { a: 150 } })), "1a03089601");
});

test("what is written is read: the largest numbers, negative ones, text, bytes, messages in messages, lists", () => {
  const content = {
    id: 0xffff_ffff,
    name: "größer – 大",
    child: { a: -1 },
    list: [1, -2, 3],
    size: 0xffff_ffff_ffff_ffffn,
    isOpen: true,
    raw: Uint8Array.of(0, 255),
    children: [{ a: 1 }, {}, { a: 3 }],
  };
  assert.deepEqual(decode(fields, encode(fields, content)), content);
});

test("a value that is zero is written; what is not set is not there, and a list is empty", () => {
  assert.equal(hex(encode(fields, { id: 0, name: "", size: 0n, isOpen: false })), "0800120038004000");
  assert.deepEqual(decode(fields, bytes("08 00")), { id: 0, list: [], children: [] });
});

test("lists are read in both forms, packed and one by one, and mixed", () => {
  assert.deepEqual(decode(fields, bytes("08 01 32 03 03 8e 02 30 05")).list, [3, 270, 5]);
});

test("fields of other numbers and other types are left out", () => {
  // 100 as varint, 64 bits, bytes, a group and 32 bits; then `name` as a number, and `id` as text before it comes as it should.
  const unknown = "a006 01 a106 0102030405060708 a206 02 ffff a306 0801 a406 a506 01020304";
  assert.deepEqual(decode(fields, bytes(`${unknown} 10 05 0a 01 41 08 07`)), { id: 7, list: [], children: [] });
});

test("a message that lacks a required field is refused with its path", () => {
  const outer = { child: [1, "optional", { list: [2, "repeated", { id: [1, "required", "uint32"] }] }] } as const;
  assert.throws(() => decode(fields, bytes("")), /^Error: it lacks id$/);
  assert.throws(() => decode(outer, bytes("0a 02 12 00")), /^Error: it lacks child.list.id$/);
});

test("bytes that end too early, go beyond the message that they are in, or are no message are refused", () => {
  for (const wrong of [
    "08", // a tag without a value
    "08 ff", // a number that does not end
    "08 ffffffffffffffffffff 01", // nor ever would
    "08 01 12 05 41", // a text that is shorter than it says
    "08 01 32 05 01", // a packed list, likewise
    "08 01 1a 01 08 05", // a message that ends inside of its field
    "08 01 1a 7f", // or has not begun
    "08 01 a306 08", // a group that does not end
    "08 01 0f", // no such kind of value
    "00 01", // no field has the number 0
  ]) {
    assert.throws(() => decode(fields, bytes(wrong)), Error, wrong);
  }
});
