/** A state on the heap behaves as one in shared memory does. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { defineState, openState, openTensors, type State, scalar, tensor } from "../../../../gpu/mod.ts";
import { countDescriptors } from "../../../support/descriptors.ts";
import { rejectsCode, throwsCode } from "../../../support/gpu_errors.ts";

const schema = defineState({
  weights: tensor("f32", [2, 3]),
  model: { bias: tensor("i16", [3]) },
  step: scalar("u32"),
});
const first = { weights: Float32Array.of(1, 2, 3, 4, 5, 6), model: { bias: Int16Array.of(-1, 0, 1) }, step: 1 };
const second = { weights: Float32Array.of(9, 8, 7, 6, 5, 4), model: { bias: Int16Array.of(5, 5, 5) }, step: 2 };

const open = (slots: 1 | 2 = 1): Promise<State<typeof schema>> => openState(schema, { memory: "heap", slots });

/** Runs `action` as if this were another system. */
async function elsewhere(action: () => Promise<void>): Promise<void> {
  const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
  Object.defineProperty(process, "platform", { value: "darwin", configurable: true });
  try {
    await action();
  } finally {
    Object.defineProperty(process, "platform", platform);
  }
}

for (const slots of [1, 2] as const) {
  test(`what was saved last is loaded, with ${slots} slot(s)`, async () => {
    using state = await open(slots);
    throwsCode(() => state.load(), "empty");
    for (const [i, values] of [first, second, first, second].entries()) {
      state.save(values);
      assert.deepEqual(state.load(), values);
      assert.equal(state.generation, i + 1);
    }
  });

  test(`an open save is busy or hidden, and given up it leaves what two slots keep, with ${slots} slot(s)`, async () => {
    using state = await open(slots);
    state.save(first);
    {
      using writer = state.begin();
      writer.views.weights.fill(7);
      if (slots === 1) throwsCode(() => state.load(), "busy");
      else assert.deepEqual(state.load(), first);
    }
    if (slots === 1) throwsCode(() => state.load(), "unfinished");
    else assert.deepEqual(state.load(), first);
  });
}

test("what a writer puts into its views is saved, and the views are detached by the commit", async () => {
  using state = await open();
  const writer = state.begin();
  const { views } = writer;
  views.weights.set(second.weights);
  views.model.bias.set(second.model.bias);
  views.step[0] = 2;
  writer.commit();
  assert.deepEqual([views.weights.length, views.step.length], [0, 0]);
  assert.deepEqual(state.load(), second);
});

test("a snapshot is detached by its disposal and by a save into its slot, and not by the end of another one", async () => {
  using state = await open();
  state.save(first);
  const one = state.read();
  const other = state.read();
  const { weights } = one.views;
  other[Symbol.dispose]();
  assert.equal(other.views.weights.length, 0);
  assert.deepEqual(weights, first.weights);
  state.save(second);
  assert.equal(weights.length, 0);
  one[Symbol.dispose]();
  assert.deepEqual(state.load(), second);
});

test("a snapshot lives through a save into the other slot", async () => {
  using state = await open(2);
  state.save(first);
  using snapshot = state.read();
  state.save(second);
  assert.deepEqual(snapshot.views.weights, first.weights);
  assert.deepEqual(state.load(), second);
});

test("a snapshot that was written to is corrupt", async () => {
  using state = await open();
  state.save(first);
  {
    using snapshot = state.read();
    snapshot.views.weights[0] = 77;
  }
  throwsCode(() => state.load(), "corrupt", /weights/);
});

test("tensors named at run time may change from save to save", async () => {
  using state = await openTensors({ memory: "heap" });
  state.set("a", new Float32Array(6).fill(1), tensor("f32", [2, 3]));
  state.save();
  state.set("b", Uint8Array.of(1, 2, 3));
  state.save();
  state.load();
  assert.deepEqual([...state.tensors.keys()], ["a", "b"]);
  assert.deepEqual(state.get("b")?.data, Uint8Array.of(1, 2, 3));
});

test("a disposed state is closed", async () => {
  const state = await open();
  state.save(first);
  state[Symbol.dispose]();
  throwsCode(() => state.load(), "closed");
});

test("more than there is memory for is refused when the state is opened", async () => {
  const huge = { huge: tensor("f64", [2 ** 45]) };
  await rejectsCode(openState(huge, { memory: "heap" }), "space", /not enough memory/);
});

test("a name, and a memory that there is not, are refused", async () => {
  await assert.rejects(openState(schema, { memory: "heap", name: "trainer" }), /RangeError.*"trainer".*needs Linux/);
  await assert.rejects(openState(schema, { memory: "disk" as "heap" }), /RangeError.*disk/);
});

test("on Linux a state is in shared memory, on other systems on the heap, and there it cannot have a name", async () => {
  const memfds = (): number => countDescriptors(/memfd:criu-aware-state/);
  const before = memfds();
  using shared = await openState(schema);
  assert.equal(memfds(), before + 1);
  await elsewhere(async () => {
    using state = await openState(schema);
    assert.equal(memfds(), before + 1);
    state.save(first);
    assert.deepEqual(state.load(), first);
    await assert.rejects(openState(schema, { name: "trainer" }), RangeError);
  });
  shared.save(second);
  assert.deepEqual(shared.load(), second);
});
