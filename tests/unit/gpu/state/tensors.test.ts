import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openState, openTensors, type Spec, scalar, type Tensor, type Tensors, tensor } from "../../../../gpu/mod.ts";
import { throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";

function contents(tensors: Tensors): Record<string, Tensor> {
  return Object.fromEntries(tensors.tensors);
}

test("set takes the dtype and length of an array, or what a spec says", async () => {
  using state = await openTensors();
  state.set("plain", Float64Array.of(1, 2));
  state.set("bytes", Uint8Array.of(1));
  state.set("shaped", new Float32Array(6), tensor("f32", [2, 3]));
  state.set("half", Uint16Array.of(0x3f80), tensor("bf16", [1]));
  state.set("step", 5, scalar("u32"));
  state.set("big", 5n, scalar("i64"));
  state.set("flag", true, scalar("bool"));
  assert.deepEqual(contents(state), {
    plain: { dtype: "f64", shape: [2], data: Float64Array.of(1, 2) },
    bytes: { dtype: "u8", shape: [1], data: Uint8Array.of(1) },
    shaped: { dtype: "f32", shape: [2, 3], data: new Float32Array(6) },
    half: { dtype: "bf16", shape: [1], data: Uint16Array.of(0x3f80) },
    step: { dtype: "u32", shape: [], data: Uint32Array.of(5) },
    big: { dtype: "i64", shape: [], data: BigInt64Array.of(5n) },
    flag: { dtype: "bool", shape: [], data: Uint8Array.of(1) },
  });
  const before = contents(state);
  state.save();
  state.load();
  assert.deepEqual(contents(state), before);
});

test("set refuses what does not fit and changes nothing", async () => {
  using state = await openTensors();
  state.set("a", Uint8Array.of(1));
  throwsCode(() => state.set("a", new Float32Array(5), tensor("f32", [2, 3])), "schema", /a.*6 elements/);
  throwsCode(() => state.set("a", new Float32Array(6) as never, tensor("f64", [6])), "schema");
  throwsCode(() => state.set("a", [1, 2] as never), "schema", /typed array/);
  throwsCode(() => state.set("a", 5 as never), "schema", /scalar/);
  throwsCode(() => state.set("a", new Uint8ClampedArray(1) as never), "schema");
  throwsCode(() => state.set("a", new DataView(new ArrayBuffer(1)) as never), "schema");
  throwsCode(() => state.set("criu-aware.control", Uint8Array.of(1)), "schema", /Cannot name/);
  assert.deepEqual(contents(state), { a: { dtype: "u8", shape: [1], data: Uint8Array.of(1) } });
});

test("a tensor is kept by reference: save writes what is in it then", async () => {
  using state = await openTensors();
  const weights = Float32Array.of(1, 2);
  state.set("weights", weights);
  weights[0] = 9;
  state.save();
  state.load();
  assert.deepEqual(state.get("weights")?.data, Float32Array.of(9, 2));
});

test("get and delete tell whether there is such a tensor", async () => {
  using state = await openTensors();
  state.set("a", Uint8Array.of(1));
  assert.equal(state.get("b"), undefined);
  assert.equal(state.get("__proto__"), undefined);
  assert.equal(state.delete("b"), false);
  assert.equal(state.delete("a"), true);
  assert.equal(state.get("a"), undefined);
});

for (const options of [{ slots: 1 }, { slots: 2 }, { slots: 1, named: true }, { slots: 2, named: true }] as const) {
  const { slots } = options;
  const named = "named" in options;
  test(`700 tensors that come in ten saves are all there: ${slots} slot(s), ${named ? "named" : "memfd"}`, async () => {
    using temporary = temporaryState();
    using state = await openTensors({ slots, ...(named ? { name: temporary.name } : {}) });
    for (let i = 0; i < 700; i++) {
      state.set(`block.${i}`, new Uint16Array(i % 50).fill(i));
      if (i % 70 === 69) {
        state.save();
        const before = contents(state);
        state.load();
        assert.deepEqual(contents(state), before);
      }
    }
    assert.equal(state.tensors.size, 700);
    assert.equal(state.generation, 10);
    for (let i = 0; i < 699; i++) state.delete(`block.${i}`);
    state.save();
    state.load();
    assert.deepEqual(contents(state), {
      "block.699": { dtype: "u16", shape: [49], data: new Uint16Array(49).fill(699) },
    });
  });

  test(`a larger save that is given up leaves the last one, and no trace: ${slots} slot(s), ${named ? "named" : "memfd"}`, async () => {
    using temporary = temporaryState();
    using state = await openTensors({ slots, ...(named ? { name: temporary.name } : {}) });
    state.set("a", Uint8Array.of(1));
    state.save();
    const files = temporary.files();
    {
      using writer = state.begin([
        ["a", tensor("u8", [1])],
        ["b", tensor("u8", [5000])],
      ]);
      (writer.views.get("b") as Uint8Array).fill(9);
      state.load();
    }
    state.load();
    assert.deepEqual(contents(state), { a: { dtype: "u8", shape: [1], data: Uint8Array.of(1) } });
    assert.deepEqual(temporary.files(), files);
  });
}

test("begin writes exactly the tensors that it names", async () => {
  using state = await openTensors();
  state.set("other", Uint8Array.of(1));
  {
    using writer = state.begin(
      new Map<string, Spec>([
        ["a", tensor("i32", [2])],
        ["b", tensor("f16", [1])],
      ]),
    );
    assert.deepEqual([...writer.views.keys()], ["a", "b"]);
    (writer.views.get("a") as Int32Array).set([3, 4]);
    (writer.views.get("b") as Float16Array)[0] = 0.5;
    writer.commit();
  }
  assert.deepEqual([...state.tensors.keys()], ["other"]);
  state.load();
  assert.deepEqual(contents(state), {
    a: { dtype: "i32", shape: [2], data: Int32Array.of(3, 4) },
    b: { dtype: "f16", shape: [1], data: Float16Array.of(0.5) },
  });
  throwsCode(
    () =>
      state.begin([
        ["a", tensor("u8", [1])],
        ["a", tensor("u8", [1])],
      ]),
    "schema",
    /twice/,
  );
});

test("nothing that was saved is empty, and the tensors stay", async () => {
  using state = await openTensors({ slots: 2 });
  state.set("a", Uint8Array.of(1));
  throwsCode(() => state.load(), "empty");
  assert.equal(state.tensors.size, 1);
});

test("an array whose buffer was detached since set is refused, and what was saved stays", async () => {
  using state = await openTensors();
  const array = Uint8Array.of(1, 2);
  state.set("a", array);
  state.save();
  array.buffer.transfer();
  throwsCode(() => state.save(), "schema", /a.*2 elements and not 0/);
  state.load();
  assert.deepEqual(state.get("a")?.data, Uint8Array.of(1, 2));
});

test("what one saves with a schema the other loads without, and the other way round", async () => {
  using temporary = temporaryState();
  const schema = { weights: tensor("f32", [2]), model: { step: scalar("u64") } };
  using typed = await openState(schema, { name: temporary.name });
  typed.save({ weights: Float32Array.of(1, 2), model: { step: 3n } });
  using free = await openTensors({ name: temporary.name });
  free.load();
  assert.deepEqual([...free.tensors.keys()], ["weights", "model.step"]);
  free.set("weights", Float32Array.of(5, 6));
  free.save();
  assert.deepEqual(typed.load(), { weights: Float32Array.of(5, 6), model: { step: 3n } });
});

test("a reader that has an older, smaller segment open finds the new one", async () => {
  using temporary = temporaryState();
  for (const slots of [1, 2] as const) {
    using writing = await openTensors({ name: temporary.name, slots });
    using reading = await openTensors({ name: temporary.name, slots });
    for (let i = 1; i < 8; i++) {
      writing.set(`t${slots}${i}`, new Float32Array(i * 100).fill(i));
      writing.save();
      reading.load();
      assert.deepEqual(contents(reading), contents(writing));
    }
  }
});

test("a save of the same tensors reuses the segment, so that its pages are warm", async () => {
  using temporary = temporaryState();
  using state = await openTensors({ name: temporary.name });
  state.set("a", Uint8Array.of(1));
  state.save();
  const { statSync } = await import("node:fs");
  const { ino } = statSync(temporary.path());
  state.set("a", Uint8Array.of(2));
  state.save();
  assert.equal(statSync(temporary.path()).ino, ino);
  assert.equal(readFileSync(temporary.path()).at(-1), 2);
});

test("a disposed state refuses to save and to load", async () => {
  const state = await openTensors();
  state[Symbol.dispose]();
  throwsCode(() => state.save(), "closed");
  throwsCode(() => state.load(), "closed");
});

test("unlink removes the name, also of a segment that a crash left half made", async () => {
  using temporary = temporaryState();
  using state = await openTensors({ name: temporary.name });
  state.set("a", Uint8Array.of(1));
  state.save();
  const { writeFileSync } = await import("node:fs");
  writeFileSync(`${temporary.path()}.new`, "left by a crash");
  state.set("b", Uint8Array.of(1));
  state.save();
  assert.deepEqual(temporary.files(), [`${temporary.name}.0`]);
  writeFileSync(`${temporary.path()}.new`, "left by a crash");
  state.unlink();
  assert.deepEqual(temporary.files(), []);
});
