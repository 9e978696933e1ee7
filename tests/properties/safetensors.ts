import assert from "node:assert/strict";
import fc from "fast-check";
import { commit, controlBytes, readControl } from "../../gpu/state/control.ts";
import { bitsOfFile, type DType, dtypes } from "../../gpu/state/dtype.ts";
import { layOut, type Shaped } from "../../gpu/state/layout.ts";
import { type ParsedFile, parseFile, parseLayout } from "../../gpu/state/parse.ts";
import { decodeReferences, encodeReferences, REFERENCES, type Reference } from "../../gpu/state/reference.ts";
import { StateError } from "../../gpu/state/state_error.ts";
import { readStrictly } from "../support/strict_safetensors.ts";
import type { Border } from "./border.ts";
import { orError } from "./expect.ts";
import { damaged, json, jsonText, text, wholeText } from "./inputs.ts";

const dtypeNames = Object.keys(dtypes) as DType[];
const fileTypes = ["U8", "F32", "BF16", "F4", "I64", "BOOL"];
const shape = fc.array(fc.nat(4), { maxLength: 3 });
const name = wholeText(12).filter((name) => name !== "" && name !== "__metadata__" && !name.startsWith("criu-aware."));

/** What a state may hold. */
const specs: fc.Arbitrary<ReadonlyMap<string, Shaped>> = fc
  .array(fc.tuple(name, fc.record({ dtype: fc.constantFrom(...dtypeNames), shape })), { maxLength: 5 })
  .map((entries) => new Map(entries));

/** An entry of a header whose place is the next free one, and perhaps another one. */
const entries = fc.array(
  fc.record({
    name: fc.oneof(fc.constantFrom("a", "b", "__metadata__", "__proto__"), wholeText(8)),
    dtype: fc.constantFrom(...fileTypes),
    shape,
    moved: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, -1),
    more: fc.constantFrom("", "", "", "", "", ',"dtype":"U8"', ',"x":1,"x":2', ',"x":[null]'),
  }),
  { maxLength: 5 },
);
type Entry = (typeof entries extends fc.Arbitrary<infer T> ? T : never)[number];
const raw = fc.oneof(
  fc.constant(""),
  fc.constant('"__metadata__":{"a":"1"},'),
  fc.constant('"__metadata__":{"a":"1","a":"2"},'),
);

/** The header of a safetensors file, of anybody. */
export const safetensors: Border = {
  name: "safetensors",
  runs: 3000,
  open: () =>
    fc.property(
      fc.oneof(
        fc.record({ entries, metadata: raw, data: fc.constantFrom(0, 0, 0, 0, 1, -1) }),
        fc.record({ text: jsonText(json(["a", "dtype", "shape", "data_offsets", "__metadata__"])) }),
      ),
      (given) => {
        if ("text" in given) return void read(fileOf(given.text, 0));
        const { text, data } = headerOf(given.entries, given.metadata);
        const file = fileOf(text, Math.max(0, data + given.data));
        const found = read(file);
        const names = given.entries.map(({ name }) => name);
        const isTwice = new Set(names).size < names.length || /"a":"1","a"|"dtype":[^{]*"dtype"|"x":1,"x"/.test(text);
        const isWrong = isTwice || names.includes("__metadata__");
        if (isWrong) assert.equal(found, undefined, `it was read: ${text}`);
      },
    ),
};

function headerOf(entries: readonly Entry[], metadata: string): { text: string; data: number } {
  let data = 0;
  const members = entries.map(({ name, dtype, shape, moved, more }) => {
    const begin = data + moved;
    data += Math.floor((shape.reduce((a, b) => a * b, 1) * (bitsOfFile(dtype) as number)) / 8);
    const offsets = `[${begin},${data + moved}]`;
    return `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":${JSON.stringify(shape)},"data_offsets":${offsets}${more}}`;
  });
  const text = `{${metadata}${members.join(",")}}`;
  return { text: members.length === 0 ? text.replace(/,}$/, "}") : text, data };
}

function fileOf(header: string, data: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + data);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** Reads a file: it is an error of ours, or all that it says holds. */
function read(file: Uint8Array): ParsedFile | undefined {
  const found = orError(() => parseFile(prefixOf(file), file.length, "a file"), StateError);
  if (!found) return undefined;
  let end = found.header.length;
  for (const { dtype, shape, offset, bytes } of found.entries.values()) {
    assert.equal(offset, end);
    assert.ok(Number.isSafeInteger(bytes) && bytes >= 0 && shape.every((length) => Number.isSafeInteger(length)));
    assert.equal(bytes, (shape.reduce((a, b) => a * b, 1) * (bitsOfFile(dtype) as number)) / 8);
    end += bytes;
  }
  assert.deepEqual([end, found.bytes], [file.length, file.length]);
  return found;
}

/** Nothing beyond the file is ever asked for. */
function prefixOf(file: Uint8Array): (bytes: number) => Uint8Array {
  return (bytes) => {
    assert.ok(bytes <= file.length);
    return file.subarray(0, bytes);
  };
}

const references: fc.Arbitrary<ReadonlyMap<string, Reference>> = fc
  .array(
    fc.tuple(
      name,
      fc.record({
        path: text(),
        tensor: text(),
        dtype: fc.constantFrom(...dtypeNames),
        shape,
        sha256: fc.constantFrom("", "00ff"),
      }),
    ),
    { maxLength: 3 },
  )
  .map((entries) => new Map(entries));

/** A segment of ours: its layout, control block and references, whole and damaged. */
export const segment: Border = {
  name: "segment",
  runs: 1500,
  open: () =>
    fc.property(
      specs.chain((specs) => {
        const good = segmentOf(specs);
        return fc.record({ specs: fc.constant(specs), good: fc.constant(good), file: damaged(fc.constant(good)) });
      }),
      fc.oneof(references, jsonText(json(["path", "tensor", "dtype", "shape", "sha256"]))),
      ({ specs, good, file }, kept) => {
        const layout = parseLayout(prefixOf(good), good.length, "a segment");
        assert.deepEqual(
          [...layout.tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
          [...specs].map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
        );
        // Readers of others agree; of names they know no prototype.
        if (!specs.has("__proto__")) assert.equal(readStrictly(good).dataStart, layout.header.length);
        isSegment(file);
        if (typeof kept === "string") {
          orError(() => decodeReferences(new Map([[REFERENCES, kept]]), "a segment"), StateError);
        } else {
          const metadata = new Map(Object.entries(encodeReferences(kept)));
          assert.deepEqual([...decodeReferences(metadata, "a segment")], JSON.parse(JSON.stringify([...kept])));
        }
      },
    ),
};

function segmentOf(specs: ReadonlyMap<string, Shaped>): Uint8Array {
  const layout = layOut(specs);
  const file = new Uint8Array(layout.bytes);
  file.set(layout.header);
  const block = new ArrayBuffer(layout.controlBytes);
  commit(block, { generation: 7, headerChecksum: 1, checksums: [...specs].map((_, i) => i) });
  file.set(new Uint8Array(block), layout.header.length);
  return file;
}

function isSegment(file: Uint8Array): void {
  const layout = orError(() => parseLayout(prefixOf(file), file.length, "a segment"), StateError);
  if (!layout) return;
  assert.equal(layout.controlBytes, controlBytes(layout.tensors.size));
  for (const { offset, bytes } of layout.tensors.values())
    assert.ok(offset + bytes <= file.length && offset % 256 === 0);
  const block = file.slice(layout.header.length, layout.header.length + layout.controlBytes).buffer;
  const control = readControl(block, layout.tensors.size);
  if (typeof control === "string") return;
  assert.equal(control.checksums.length, layout.tensors.size);
  assert.ok(Number.isSafeInteger(control.generation) && control.generation >= 0);
}
