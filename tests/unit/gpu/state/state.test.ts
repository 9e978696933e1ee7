import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync, truncateSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { type DType, defineState, openState, type Schema, scalar, tensor } from "../../../../gpu/mod.ts";
import { rejectsCode, throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";

const schema = defineState({
  weights: tensor("f32", [2, 3]),
  model: { bias: tensor("i16", [3]) },
  step: scalar("u32"),
});
const first = { weights: Float32Array.of(1, 2, 3, 4, 5, 6), model: { bias: Int16Array.of(-1, 0, 1) }, step: 1 };
const second = { weights: Float32Array.of(9, 8, 7, 6, 5, 4), model: { bias: Int16Array.of(5, 5, 5) }, step: 2 };

/** Every bit pattern of one byte, three times over: with all kinds of NaN, -0 and subnormal numbers of every width. */
const patterns = Uint8Array.from({ length: 768 }, (_, i) => (i < 256 ? i : i < 512 ? 0xff - (i & 3) : (i * 167) & 255));

test("every dtype comes back bit by bit, NaN payloads too", async () => {
  const arrays = {
    f16: new Float16Array(patterns.slice().buffer),
    bf16: new Uint16Array(patterns.slice().buffer),
    f32: new Float32Array(patterns.slice().buffer),
    f64: new Float64Array(patterns.slice().buffer),
    i8: new Int8Array(patterns.slice().buffer),
    i16: new Int16Array(patterns.slice().buffer),
    i32: new Int32Array(patterns.slice().buffer),
    i64: new BigInt64Array(patterns.slice().buffer),
    u8: new Uint8Array(patterns.slice().buffer),
    u16: new Uint16Array(patterns.slice().buffer),
    u32: new Uint32Array(patterns.slice().buffer),
    u64: new BigUint64Array(patterns.slice().buffer),
    bool: new Uint8Array(patterns.slice().buffer),
  };
  const specs: Schema = Object.fromEntries(
    Object.entries(arrays).map(([dtype, array]) => [dtype, tensor(dtype as DType, [array.length])]),
  );
  using state = await openState(specs);
  state.save(arrays as never);
  const loaded = state.load() as unknown as typeof arrays;
  for (const [dtype, array] of Object.entries(arrays)) {
    const back = loaded[dtype as keyof typeof arrays];
    assert.equal(back.constructor, array.constructor, dtype);
    assert.deepEqual(new Uint8Array(back.buffer), patterns, dtype);
  }
});

test("scalars of every dtype come back, at the ends of their ranges", async () => {
  const scalars = defineState({
    f16: scalar("f16"),
    bf16: scalar("bf16"),
    f32: scalar("f32"),
    f64: scalar("f64"),
    i8: scalar("i8"),
    i16: scalar("i16"),
    i32: scalar("i32"),
    i64: scalar("i64"),
    u8: scalar("u8"),
    u16: scalar("u16"),
    u32: scalar("u32"),
    u64: scalar("u64"),
    yes: scalar("bool"),
    no: scalar("bool"),
  });
  using state = await openState(scalars);
  const values = {
    f16: 65504,
    bf16: 0x7fc1,
    f32: -0,
    f64: Number.MIN_VALUE,
    i8: -128,
    i16: -32768,
    i32: -(2 ** 31),
    i64: -(2n ** 63n),
    u8: 255,
    u16: 65535,
    u32: 2 ** 32 - 1,
    u64: 2n ** 64n - 1n,
    yes: true,
    no: false,
  };
  state.save(values);
  assert.deepEqual(state.load(), values);
  state.save({ ...values, f32: Number.NaN, f64: Number.NEGATIVE_INFINITY });
  assert.deepEqual(state.load(), { ...values, f32: Number.NaN, f64: Number.NEGATIVE_INFINITY });
});

test("shapes with a 0 and the shape [] are saved and loaded", async () => {
  using state = await openState({ none: tensor("f64", [0]), plane: tensor("i64", [3, 0, 2]), one: tensor("f32", []) });
  state.save({ none: new Float64Array(0), plane: new BigInt64Array(0), one: Float32Array.of(4) });
  const { none, plane, one } = state.load();
  assert.deepEqual([none.length, plane.length, one[0]], [0, 0, 4]);
});

test("what is loaded is a copy that later saves do not change", async () => {
  using state = await openState(schema);
  state.save(first);
  const loaded = state.load();
  state.save(second);
  assert.deepEqual(loaded, first);
  loaded.weights[0] = 77;
  assert.deepEqual(state.load(), second);
});

test("values are taken from views with an offset, and of a Buffer", async () => {
  using state = await openState({ a: tensor("f32", [2]), b: tensor("u8", [2]) });
  state.save({ a: new Float32Array(Float32Array.of(0, 1, 2, 3).buffer, 4, 2), b: Buffer.from("xyz").subarray(1) });
  assert.deepEqual(state.load(), { a: Float32Array.of(1, 2), b: Uint8Array.of(121, 122) });
});

test("the generation counts the saves and is 0 before", async () => {
  using state = await openState(schema);
  assert.equal(state.generation, 0);
  state.save(first);
  state.save(first);
  assert.equal(state.generation, 2);
});

for (const slots of [1, 2] as const) {
  test(`a named state with ${slots} slot(s) is found again by another open, and goes on counting`, async () => {
    using temporary = temporaryState();
    const options = { name: temporary.name, slots };
    {
      using state = await openState(schema, options);
      state.save(first);
      state.save(second);
    }
    using again = await openState(schema, options);
    assert.deepEqual(again.load(), second);
    assert.equal(again.generation, 2);
    again.save(first);
    assert.equal(again.generation, 3);
    assert.deepEqual(again.load(), first);
  });
}

test("a save after a new open with 2 slots spares the newest state, also when nothing was loaded", async () => {
  using temporary = temporaryState();
  const options = { name: temporary.name, slots: 2 } as const;
  {
    using state = await openState(schema, options);
    state.save(first);
    state.save(second);
  }
  {
    using again = await openState(schema, options);
    again.begin();
  }
  using last = await openState(schema, options);
  assert.deepEqual(last.load(), second);
});

test("a named state is in files of mode 0600, one a slot, and unlink removes them", async () => {
  using temporary = temporaryState();
  using state = await openState(schema, { name: temporary.name, slots: 2 });
  assert.deepEqual(temporary.files(), [`${temporary.name}.0`, `${temporary.name}.1`]);
  state.save(first);
  state.unlink();
  assert.deepEqual(temporary.files(), []);
  assert.deepEqual(state.load(), first);
});

test("a state without a name is a sealed memfd of exactly its size, and its disposal closes it", async () => {
  const memfds = (): string[] =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith("/memfd:criu-aware-state");
      } catch {
        return false;
      }
    });
  const before = memfds().length;
  {
    using state = await openState(schema, { slots: 2 });
    assert.equal(memfds().length, before + 2);
    state.save(first);
    for (const fd of memfds()) assert.throws(() => truncateSync(`/proc/self/fd/${fd}`, 0), /EPERM|not permitted/);
    const files = memfds().map((fd) => readFileSync(`/proc/self/fd/${fd}`));
    assert.ok(files.some((file) => file.length === state.bytes));
    state.unlink();
    assert.deepEqual(state.load(), first);
  }
  assert.equal(memfds().length, before);
});

test("a name with a slash, and a wrong number of slots, are refused", async () => {
  for (const name of ["a/b", "", ".hidden", "x".repeat(201), "a\0b"]) {
    await assert.rejects(openState(schema, { name }), RangeError);
  }
  await assert.rejects(openState(schema, { slots: 3 as 2 }), RangeError);
});

test("a state that is larger than the memory is refused when it is opened, and leaves nothing behind", async () => {
  using temporary = temporaryState();
  const huge = Object.fromEntries(Array.from({ length: 2 ** 14 }, (_, i) => [`t${i}`, tensor("u8", [2 ** 32])]));
  await rejectsCode(openState(huge), "space", /703687\d+ bytes/);
  await rejectsCode(openState(huge, { name: temporary.name }), "space");
  assert.deepEqual(temporary.files(), []);
});

test("in Bun a tensor that no view can cover is refused when the state is opened", async (context) => {
  if (!process.versions.bun) return context.skip("Deno makes larger views");
  await rejectsCode(openState({ a: tensor("u8", [2 ** 32 + 1]) }), "schema", /a: in Bun a tensor has at most 4 GiB/);
});

test("a state that was never saved is empty, with one slot, with two, with a name", async () => {
  using temporary = temporaryState();
  for (const options of [{}, { slots: 2 }, { name: temporary.name }] as const) {
    using state = await openState(schema, options);
    throwsCode(() => state.load(), "empty", /Save first/);
    throwsCode(() => state.read(), "empty");
  }
});

test("a value that does not fit is refused with its name, and the state stays as it was", async () => {
  using state = await openState(schema);
  state.save(first);
  const refuse = (values: unknown, message: RegExp): void =>
    throwsCode(() => state.save(values as typeof first), "schema", message);
  refuse({ ...first, weights: new Float32Array(5) }, /weights.*6 elements and not 5/);
  refuse({ ...first, weights: new Float64Array(6) }, /weights.*Float32Array and not Float64Array/);
  refuse({ ...first, weights: [1, 2, 3, 4, 5, 6] }, /weights/);
  refuse({ ...first, weights: undefined }, /weights.*nothing/);
  refuse({ ...first, model: { bias: new DataView(new ArrayBuffer(6)) } }, /model\.bias/);
  refuse({ ...first, model: {} }, /model\.bias/);
  refuse({ ...first, model: 3 }, /model is not an object/);
  refuse({ weights: first.weights, model: first.model }, /step.*nothing/);
  refuse({ ...first, extra: 1 }, /extra is not in the schema/);
  refuse({ ...first, model: { ...first.model, more: 1 } }, /model\.more is not in the schema/);
  refuse(null, /not an object/);
  refuse(Object.create(first), /model is not an object/);
  refuse({ model: first.model, step: 1, __proto__: { weights: first.weights } }, /weights.*nothing/);
  for (const step of [-1, 1.5, 2 ** 32, Number.NaN]) refuse({ ...first, step }, /step.*is no u32/);
  refuse({ ...first, step: 1n }, /step.*number and not bigint/);
  assert.deepEqual(state.load(), first);
  assert.equal(state.generation, 1);
});

test("bigint and bool scalars refuse what is none", async () => {
  using state = await openState({ big: scalar("i64"), flag: scalar("bool") });
  throwsCode(() => state.save({ big: 2n ** 63n, flag: true }), "schema", /big.*is no i64/);
  throwsCode(() => state.save({ big: 1 as never, flag: true }), "schema", /big.*bigint/);
  throwsCode(() => state.save({ big: 1n, flag: 1 as never }), "schema", /flag.*boolean/);
});

test("a name that cannot be is refused where the schema is defined", () => {
  const one = tensor("u8", [1]);
  for (const name of ["", "criu-aware.control", "__metadata__", "\ud800"])
    throwsCode(() => defineState({ [name]: one }), "schema", /Cannot name/);
  throwsCode(() => defineState({ "a.b": one, a: { b: one } }), "schema", /a\.b is there twice/);
  assert.ok(defineState({ criu: { aware: one }, kind: one }));
});

test("a tensor of an unknown dtype, or of a shape that is none or overflows, is refused", () => {
  throwsCode(() => tensor("f31" as DType, [1]), "schema", /f31/);
  throwsCode(() => tensor("constructor" as DType, [1]), "schema");
  for (const shape of [[-1], [1.5], [Number.NaN], [2 ** 53], [2 ** 30, 2 ** 30], [2 ** 27, 2 ** 27, 0]]) {
    throwsCode(() => tensor("u8", shape), "schema", /shape|length|large/);
  }
  throwsCode(() => tensor("f64", [2 ** 51]), "schema");
});

test("tensors that are too large only all together are refused", async () => {
  const half = tensor("u8", [2 ** 52]);
  await rejectsCode(openState({ a: half, b: half, c: half }), "schema", /together/);
});

test("a schema called kind, or with fields named like those of a spec, is no spec", async () => {
  using state = await openState({
    kind: tensor("u8", [1]),
    under: { dtype: tensor("u8", [1]), shape: scalar("i8"), kind: scalar("u8") },
  });
  const values = { kind: Uint8Array.of(1), under: { dtype: Uint8Array.of(2), shape: -3, kind: 4 } };
  state.save(values);
  assert.deepEqual(state.load(), values);
});

test("__proto__ as a name is a name and pollutes nothing", async () => {
  const own = JSON.parse('{"__proto__": 0, "constructor": 0}') as Record<string, never>;
  const specs = Object.fromEntries(Object.keys(own).map((name) => [name, { ["__proto__"]: scalar("u8") }]));
  using state = await openState(defineState(specs));
  const values = Object.fromEntries(Object.keys(own).map((name, i) => [name, { ["__proto__"]: i + 1 }]));
  state.save(values as never);
  const loaded = state.load() as Record<string, Record<string, number>>;
  assert.deepEqual(loaded, values);
  assert.equal(Object.getPrototypeOf(loaded), Object.prototype);
  assert.deepEqual(Object.keys({}), []);
});
