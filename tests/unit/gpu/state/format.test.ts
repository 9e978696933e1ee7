/** A state as a file: for other programs, out of them, and of sizes that are awkward. */
import assert from "node:assert/strict";
import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { defineState, describeState, openState, openTensors, scalar, tensor } from "../../../../gpu/mod.ts";
import { throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { patch } from "../../../support/gpu_saved.ts";
import { readStrictly } from "../../../support/strict_safetensors.ts";
import { temporaryDirectory } from "../../../support/temporary_directory.ts";

const schema = defineState({ weights: tensor("f32", [3, 2]), none: tensor("u8", [0]), step: scalar("u32") });
const values = { weights: Float32Array.of(1, -0, Number.NaN, 4, 5, 6), none: new Uint8Array(0), step: 7 };

/** A safetensors file as another program would write it: not aligned. */
function foreignFile(members: Record<string, unknown>, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(members));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

test("an exported state is a strict file of mode 0600, and another state imports it bit by bit", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "state.safetensors");
  for (const memory of ["shared", "heap"] as const) {
    using state = await openState(schema, { memory, slots: 2 });
    state.save(values);
    state.exportTo(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const { tensors } = readStrictly(readFileSync(path));
    assert.deepEqual(Buffer.from(tensors.get("weights")?.bytes ?? []), Buffer.from(values.weights.buffer));
    using other = await openState(schema);
    other.importFrom(path);
    assert.deepEqual(other.load(), values);
    using open = await openTensors();
    open.importFrom(path);
    assert.deepEqual([...open.tensors.keys()], ["weights", "none", "step"]);
    assert.deepEqual(open.get("weights")?.data, values.weights);
  }
});

test("a file of another program is imported, with names and shapes of its own", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "other.safetensors");
  const members = {
    __metadata__: { format: "pt" },
    a: { dtype: "I16", shape: [1, 2], data_offsets: [0, 4] },
    b: { dtype: "BF16", shape: [], data_offsets: [4, 6] },
  };
  writeFileSync(path, foreignFile(members, Uint8Array.of(1, 0, 2, 0, 3, 4)));
  using state = await openTensors();
  state.importFrom(path);
  assert.deepEqual(state.get("a"), { dtype: "i16", shape: [1, 2], data: Int16Array.of(1, 2) });
  assert.deepEqual(state.get("b"), { dtype: "bf16", shape: [], data: Uint16Array.of(0x403) });
  using typed = await openState(schema);
  typed.save(values);
  throwsCode(() => typed.importFrom(path), "schema", /weights is f32 \[3, 2\] in the schema and missing/);
  assert.deepEqual(typed.load(), values);
});

test("what cannot be imported is a typed error, and changes nothing", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "file");
  using state = await openState(schema, { slots: 2 });
  state.save(values);
  state.exportTo(path);
  const good = readFileSync(path);
  const { tensors, dataStart } = readStrictly(good);
  patch(path, dataStart + (tensors.get("weights")?.begin ?? 0), Uint8Array.of(99));
  throwsCode(() => state.importFrom(path), "corrupt", /weights/);
  writeFileSync(path, good.subarray(0, -1));
  throwsCode(() => state.importFrom(path), "truncated");
  writeFileSync(path, "no safetensors");
  throwsCode(() => state.importFrom(path), "foreign");
  writeFileSync(path, foreignFile({ a: { dtype: "F8_E4M3", shape: [1], data_offsets: [0, 1] } }, Uint8Array.of(1)));
  throwsCode(() => state.importFrom(path), "foreign", /F8_E4M3/);
  throwsCode(() => state.importFrom(directory.path), "foreign", /no file/);
  assert.throws(() => state.importFrom(join(directory.path, "nothing")), { code: "ENOENT" });
  assert.deepEqual(state.load(), values);
});

test("a description names every tensor with its true checksum, and says when it does not match", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "state.safetensors");
  using state = await openState(schema);
  state.save({ ...values, step: 6 });
  state.save(values);
  state.exportTo(path);
  const described = describeState(path);
  assert.equal(described.generation, 2);
  assert.equal(described.valid, true);
  assert.deepEqual(
    described.tensors.map(({ name, dtype, shape, bytes, checksum, valid }) => [
      name,
      dtype,
      shape,
      bytes,
      checksum,
      valid,
    ]),
    [
      ["weights", "F32", [3, 2], 24, crc32(new Uint8Array(values.weights.buffer)).toString(16).padStart(8, "0"), true],
      ["none", "U8", [0], 0, "00000000", true],
      [
        "step",
        "U32",
        [],
        4,
        crc32(Uint8Array.of(7, 0, 0, 0))
          .toString(16)
          .padStart(8, "0"),
        true,
      ],
    ],
  );
  patch(path, described.tensors[2]?.offset as number, Uint8Array.of(8));
  const harmed = describeState(path);
  assert.deepEqual([harmed.valid, ...harmed.tensors.map(({ valid }) => valid)], [false, true, true, false]);
});

test("a file of another program is described too, also with types that there are no arrays for", () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "other.safetensors");
  const members = { q: { dtype: "F4", shape: [4], data_offsets: [0, 2] } };
  writeFileSync(path, foreignFile(members, Uint8Array.of(1, 2)));
  const { generation, tensors } = describeState(path);
  assert.equal(generation, undefined);
  assert.deepEqual([tensors[0]?.dtype, tensors[0]?.bytes, tensors[0]?.valid], ["F4", 2, undefined]);
});

test("10,000 small tensors, some without a byte, are saved, exported and imported", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "many.safetensors");
  using state = await openTensors({ slots: 2 });
  for (let i = 0; i < 10_000; i++) state.set(`t.${i}`, new Uint8Array(i % 7).fill(i));
  state.save();
  state.exportTo(path);
  const { tensors } = readStrictly(readFileSync(path));
  for (const [name, { begin }] of tensors) if (!name.startsWith("criu-aware.fill")) assert.equal(begin % 256, 0, name);
  using other = await openTensors();
  other.importFrom(path);
  for (let i = 0; i < 10_000; i++) assert.deepEqual(other.get(`t.${i}`)?.data, new Uint8Array(i % 7).fill(i));
});

test("a file of more than 4 GiB is read right to its end", () => {
  using temporary = temporaryState();
  const path = temporary.path();
  const size = 2 ** 32 + 2 ** 20;
  const header = foreignFile(
    {
      a: { dtype: "U8", shape: [size], data_offsets: [0, size] },
      b: { dtype: "U8", shape: [3], data_offsets: [size, size + 3] },
    },
    new Uint8Array(0),
  );
  // Sparse, and in memory: only its last bytes are there.
  const fd = openSync(path, "w");
  writeSync(fd, header);
  ftruncateSync(fd, header.length + size);
  writeSync(fd, Uint8Array.of(1, 2, 3), 0, 3, header.length + size);
  closeSync(fd);
  const { tensors, bytes } = describeState(path);
  assert.equal(bytes, header.length + size + 3);
  assert.equal(
    tensors[1]?.checksum,
    crc32(Uint8Array.of(1, 2, 3))
      .toString(16)
      .padStart(8, "0"),
  );
});
