import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { openState, scalar, tensor } from "../../../../gpu/mod.ts";
import { rejectsCode, throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { load, patch, saved, schema, valuesOf } from "../../../support/gpu_saved.ts";
import { readStrictly } from "../../../support/strict_safetensors.ts";

test("with two slots the older state is loaded when the newest is corrupt, truncated or unfinished", async () => {
  for (const harm of [
    (path: string) => patch(path, readFileSync(path).length - 1, Uint8Array.of(77)),
    (path: string) => truncateSync(path, 900),
    (path: string) =>
      patch(path, readStrictly(readFileSync(path)).dataStart, new Uint8Array(Uint32Array.of(0x57524954).buffer)),
    (path: string) => writeFileSync(path, "foreign"),
  ]) {
    using temporary = temporaryState();
    await saved(temporary.name, 2, 4);
    harm(temporary.path(1));
    assert.deepEqual(await load(temporary.name, 2), valuesOf(3));
    using state = await openState(schema, { name: temporary.name, slots: 2 });
    state.save(valuesOf(9));
    assert.deepEqual(state.load(), valuesOf(9));
    // It replaced the harmed one, and the good one is still there.
    patch(temporary.path(1), readFileSync(temporary.path(1)).length - 1, Uint8Array.of(77));
    assert.deepEqual(state.load(), valuesOf(3));
  }
});

test("when both slots are bad the error says what says most", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 2, 1);
  patch(temporary.path(0), readFileSync(temporary.path(0)).length - 1, Uint8Array.of(77));
  await rejectsCode(load(temporary.name, 2), "corrupt", /step/);
  await saved(temporary.name, 2, 2);
  patch(temporary.path(0), readStrictly(readFileSync(temporary.path(0))).dataStart, new Uint8Array(4));
  truncateSync(temporary.path(1), 900);
  await rejectsCode(load(temporary.name, 2), "truncated", /\.1/);
});

test("a save spares the older slot when another process wrote the newest and it is corrupt", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 2, 1);
  using late = await openState(schema, { name: temporary.name, slots: 2 });
  late.load();
  {
    using other = await openState(schema, { name: temporary.name, slots: 2 });
    other.save(valuesOf(2));
    other.save(valuesOf(3));
  }
  patch(temporary.path(0), readFileSync(temporary.path(0)).length - 1, Uint8Array.of(77));
  late.begin()[Symbol.dispose]();
  assert.deepEqual(late.load(), valuesOf(2));
});

test("a state of another schema is refused with the name that differs, and an older one that fits does not hide it", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 2, 1);
  const cases = [
    [{ ...schema, step: scalar("u64") }, /step is u64 \[\] in the schema and u32 \[\]/],
    [{ ...schema, weights: tensor("f32", [10, 10]) }, /weights is f32 \[10, 10\] in the schema and f32 \[100\]/],
    [{ ...schema, more: scalar("u8") }, /more is u8 \[\] in the schema and missing/],
    [{ weights: schema.weights, step: schema.step }, /model\.bias is missing in the schema and i16 \[31\]/],
  ] as const;
  for (const [other, message] of cases) {
    using state = await openState(other, { name: temporary.name, slots: 2 });
    throwsCode(() => state.load(), "schema", message);
  }
  using newer = await openState({ only: scalar("u8") }, { name: temporary.name, slots: 2 });
  newer.save({ only: 3 });
  assert.deepEqual(newer.load(), { only: 3 });
  await rejectsCode(load(temporary.name, 2), "schema");
});

test("a state of another schema of the same size is replaced by a save", async () => {
  using temporary = temporaryState();
  using state = await openState({ a: scalar("u8"), b: scalar("i8") }, { name: temporary.name });
  state.save({ a: 1, b: 2 });
  using other = await openState({ c: scalar("u8"), d: scalar("i8") }, { name: temporary.name });
  other.save({ c: 3, d: 4 });
  assert.deepEqual(other.load(), { c: 3, d: 4 });
  assert.ok(readStrictly(readFileSync(temporary.path())).tensors.has("c"));
  throwsCode(() => state.load(), "schema", /a is u8 \[\] in the schema and missing/);
});

test("a schema in another order loads what was saved, by name", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 1, 4);
  using state = await openState(
    { step: schema.step, model: schema.model, weights: schema.weights },
    { name: temporary.name },
  );
  assert.deepEqual(state.load(), { step: 4, model: valuesOf(4).model, weights: valuesOf(4).weights });
});
