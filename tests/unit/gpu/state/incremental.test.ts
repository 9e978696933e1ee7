/** Saves that leave out what has not changed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { defineState, openState, openTensors, scalar, tensor } from "../../../../gpu/mod.ts";
import { throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { patch, randomNumbers } from "../../../support/gpu_saved.ts";
import { readStrictly } from "../../../support/strict_safetensors.ts";

const schema = defineState({ a: tensor("u8", [1000]), m: { b: tensor("u8", [1000]) }, step: scalar("u32") });

const values = (a: number, b: number, step: number) => ({
  a: new Uint8Array(1000).fill(a),
  m: { b: new Uint8Array(1000).fill(b) },
  step,
});

test("what is not named as changed is not copied: a wrong claim keeps the earlier value", async () => {
  using state = await openState(schema);
  state.save(values(1, 1, 1));
  state.save(values(2, 2, 2), { changed: ["a", "step"] });
  assert.deepEqual(state.load(), values(2, 1, 2));
  assert.equal(state.generation, 2);
});

test("with two slots everything that changed since the slot was written is copied", async () => {
  using state = await openState(schema, { slots: 2 });
  state.save(values(1, 1, 1));
  // The second slot is empty: all is copied, whatever is named.
  state.save(values(1, 2, 2), { changed: ["m.b", "step"] });
  assert.deepEqual(state.load(), values(1, 2, 2));
  // The first slot has b of step 1.
  state.save(values(1, 2, 3), { changed: ["step"] });
  assert.deepEqual(state.load(), values(1, 2, 3));
  state.save(values(9, 9, 4), { changed: ["step"] });
  assert.deepEqual(state.load(), values(1, 2, 4));
  state.save(values(5, 2, 5), { changed: ["a", "step"] });
  assert.deepEqual(state.load(), values(5, 2, 5));
});

test("right claims in any order give the same as whole saves, with one slot and with two", async () => {
  const random = randomNumbers(5);
  for (const slots of [1, 2] as const) {
    using state = await openState(schema, { slots });
    let [a, b] = [0, 0];
    for (let step = 1; step < 300; step++) {
      const changed = ["step"];
      if (random(2)) changed.push("a");
      if (random(3) === 0) changed.push("m.b");
      if (changed.includes("a")) a = random(256);
      if (changed.includes("m.b")) b = random(256);
      const how = random(10);
      if (how === 0) state.begin({ changed })[Symbol.dispose]();
      state.save(values(a, b, step), how === 1 ? {} : { changed: how === 2 ? "compare" : changed });
      assert.deepEqual(state.load(), values(a, b, step));
    }
  }
});

test("a save by another object, or bytes of another save in the slot, are noticed: everything is copied", async () => {
  using temporary = temporaryState();
  using state = await openState(schema, { name: temporary.name });
  state.save(values(1, 1, 1));
  {
    using other = await openState(schema, { name: temporary.name });
    other.save(values(7, 7, 7));
  }
  state.save(values(1, 1, 3), { changed: ["step"] });
  assert.deepEqual(state.load(), values(1, 1, 3));
});

test("what is left out is still verified: a byte that changed in the slot is corrupt at the next load", async () => {
  using temporary = temporaryState();
  using state = await openState(schema, { name: temporary.name });
  state.save(values(1, 1, 1));
  const { tensors, dataStart } = readStrictly(readFileSync(temporary.path()));
  patch(temporary.path(), dataStart + (tensors.get("a")?.begin as number), Uint8Array.of(9));
  state.save(values(1, 1, 2), { changed: ["step"] });
  throwsCode(() => state.load(), "corrupt", /Cannot load a /);
  state.save(values(1, 1, 3), { changed: "compare" });
  assert.deepEqual(state.load(), values(1, 1, 3));
});

test("compare copies what differs by itself", async () => {
  using state = await openState(schema, { slots: 2 });
  for (let step = 1; step < 20; step++) {
    state.save(values(step >> 2, step >> 3, step), { changed: "compare" });
    assert.deepEqual(state.load(), values(step >> 2, step >> 3, step));
  }
});

test("a writer gets no memory of what need not be written", async () => {
  using state = await openState(schema);
  state.save(values(1, 1, 1));
  using writer = state.begin({ changed: ["m.b"] });
  assert.deepEqual([writer.views.a.length, writer.views.m.b.length, writer.views.step.length], [0, 1000, 0]);
  writer.views.m.b.fill(4);
  writer.commit();
  assert.deepEqual(state.load(), values(1, 4, 1));
});

test("a name that is none is refused before anything is touched", async () => {
  using state = await openState(schema);
  state.save(values(1, 1, 1));
  throwsCode(() => state.save(values(2, 2, 2), { changed: ["b"] }), "schema", /b is named as changed/);
  assert.deepEqual(state.load(), values(1, 1, 1));
});

test("tensors without a schema: a tensor that is new is copied although nobody named it", async () => {
  using state = await openTensors({ slots: 2 });
  state.set("x", Uint8Array.of(1));
  state.save();
  state.set("y", Uint8Array.of(2));
  state.save({ changed: [] });
  state.save({ changed: [] });
  state.load();
  assert.deepEqual([state.get("x")?.data, state.get("y")?.data], [Uint8Array.of(1), Uint8Array.of(2)]);
});
