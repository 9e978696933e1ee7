import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { defineState, openState, openTensors, scalar, tensor } from "../../../../gpu/mod.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { readStrictly } from "../../../support/strict_safetensors.ts";

const schema = defineState({
  weights: tensor("f32", [5, 7]),
  model: { layer1: tensor("f16", [3]), deep: { er: tensor("u8", [2, 0, 9]) } },
  last: tensor("u8", [3]),
  step: scalar("u64"),
});

const values = {
  weights: Float32Array.from({ length: 35 }, (_, i) => i / 3),
  model: { layer1: Float16Array.of(1, -2, 0.5), deep: { er: new Uint8Array(0) } },
  last: Uint8Array.of(7, 8, 9),
  step: 2n ** 63n + 1n,
};

test("a saved state is one strict safetensors file with the names, dtypes, shapes and bytes of its values", async () => {
  using temporary = temporaryState();
  using state = await openState(schema, { name: temporary.name });
  state.save(values);
  const file = readFileSync(temporary.path());
  const { tensors } = readStrictly(file);
  assert.equal(file.length, state.bytes);
  const ours = [...tensors].filter(([name]) => !name.startsWith("criu-aware."));
  assert.deepEqual(
    ours.map(([name, { dtype, shape }]) => [name, dtype, [...shape]]),
    [
      ["weights", "F32", [5, 7]],
      ["model.layer1", "F16", [3]],
      ["model.deep.er", "U8", [2, 0, 9]],
      ["last", "U8", [3]],
      ["step", "U64", []],
    ],
  );
  assert.deepEqual(Buffer.from(tensors.get("weights")!.bytes), Buffer.from(values.weights.buffer));
  assert.deepEqual(Buffer.from(tensors.get("model.layer1")!.bytes), Buffer.from(values.model.layer1.buffer));
  assert.deepEqual([...tensors.get("step")!.bytes], [1, 0, 0, 0, 0, 0, 0, 128]);
});

test("the data and every tensor start at a multiple of 256, and the last tensor ends the file", async () => {
  using temporary = temporaryState();
  using state = await openState(schema, { name: temporary.name });
  state.save(values);
  const { tensors, dataStart } = readStrictly(readFileSync(temporary.path()));
  assert.equal(dataStart % 256, 0);
  for (const [name, { begin }] of tensors) if (!name.startsWith("criu-aware.fill")) assert.equal(begin % 256, 0, name);
  assert.equal(state.bytes, dataStart + tensors.get("step")!.end);
});

test("the reserved control tensor is the first one, and the metadata carries the version and a digest of the schema", async () => {
  using temporary = temporaryState();
  using state = await openState(schema, { name: temporary.name });
  state.save(values);
  const { tensors, metadata } = readStrictly(readFileSync(temporary.path()));
  assert.equal([...tensors.keys()][0], "criu-aware.control");
  assert.equal(metadata["criu-aware.version"], "1");
  assert.match(metadata["criu-aware.schema"] as string, /^[0-9a-f]{64}$/);
});

test("states of different schemas have different digests, of equal schemas equal ones", async () => {
  const digest = async (length: number): Promise<string | undefined> => {
    using temporary = temporaryState();
    using _ = await openState({ a: tensor("f32", [length]) }, { name: temporary.name });
    return readStrictly(readFileSync(temporary.path())).metadata["criu-aware.schema"];
  };
  assert.equal(await digest(3), await digest(3));
  assert.notEqual(await digest(3), await digest(4));
});

test("the header stays the same from save to save", async () => {
  using temporary = temporaryState();
  using state = await openState(schema, { name: temporary.name });
  state.save(values);
  const { dataStart } = readStrictly(readFileSync(temporary.path()));
  const before = readFileSync(temporary.path()).subarray(0, dataStart);
  state.save({ ...values, step: 5n });
  assert.deepEqual(readFileSync(temporary.path()).subarray(0, dataStart), before);
});

test("a state without any tensor is a strict file too", async () => {
  using temporary = temporaryState();
  using state = await openState({}, { name: temporary.name });
  state.save({});
  assert.deepEqual([...readStrictly(readFileSync(temporary.path())).tensors.keys()], ["criu-aware.control"]);
  assert.deepEqual(state.load(), {});
});

test("700 tensors of odd sizes make a strict file with the same bytes", async () => {
  using temporary = temporaryState();
  using state = await openTensors({ name: temporary.name });
  for (let i = 0; i < 700; i++) state.set(`block.${i}`, new Uint8Array(i % 300).fill(i));
  state.save();
  const { tensors } = readStrictly(readFileSync(temporary.path()));
  for (let i = 0; i < 700; i++)
    assert.deepEqual([...tensors.get(`block.${i}`)!.bytes], new Array(i % 300).fill(i & 255));
});

test("an empty tensor may share its offset with one whose name JSON.parse puts before it", async () => {
  using state = await openTensors();
  state.set("z", new Uint8Array(0));
  state.set("1", Uint8Array.of(7));
  state.save();
  state.load();
  assert.deepEqual([...state.tensors.keys()], ["z", "1"]);
  assert.deepEqual(state.get("1")?.data, Uint8Array.of(7));
});

test("names of any Unicode and names that are special in JavaScript are kept", async () => {
  using temporary = temporaryState();
  using state = await openTensors({ name: temporary.name });
  const names = ["__proto__", "constructor", "toString", "gewichte ä 权重 🙂", 'quote " and \\', "\n", "0", "10", "9"];
  for (const [i, name] of names.entries()) state.set(name, Uint8Array.of(i));
  state.save();
  const { tensors } = readStrictly(readFileSync(temporary.path()));
  for (const [i, name] of names.entries()) assert.deepEqual([...tensors.get(name)!.bytes], [i]);
  state.load();
  assert.deepEqual([...state.tensors.keys()], names);
});
