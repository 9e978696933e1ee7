import assert from "node:assert/strict";
import { test } from "node:test";
import { defineState, openState, type State, scalar, tensor } from "../../../../gpu/mod.ts";
import { throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";

const schema = defineState({ weights: tensor("f32", [1000]), under: { step: scalar("u32") }, none: tensor("u8", [0]) });

function save(state: State<typeof schema>, value: number): void {
  state.save({ weights: new Float32Array(1000).fill(value), under: { step: value }, none: new Uint8Array(0) });
}

function loaded(state: State<typeof schema>): number {
  const { weights, under } = state.load();
  assert.ok(weights.every((weight) => weight === under.step));
  return under.step;
}

test("what is written into the views of begin() is the state after the commit, and not before", async () => {
  using state = await openState(schema, { slots: 2 });
  save(state, 1);
  using writer = state.begin();
  writer.views.weights.fill(2);
  writer.views.under.step[0] = 2;
  assert.equal(loaded(state), 1);
  assert.equal(state.generation, 1);
  writer.commit();
  assert.equal(loaded(state), 2);
  assert.equal(state.generation, 2);
});

test("the views of a save have the types and lengths of the schema, a scalar one element", async () => {
  using state = await openState(schema);
  using writer = state.begin();
  assert.ok(writer.views.weights instanceof Float32Array);
  assert.equal(writer.views.under.step.length, 1);
  assert.equal(writer.views.none.length, 0);
});

test("after the commit, and after giving up, the views are detached and a second commit is refused", async () => {
  using state = await openState(schema);
  const committed = state.begin();
  committed.views.weights.fill(1);
  committed.views.under.step[0] = 1;
  committed.commit();
  assert.equal(committed.views.weights.length, 0);
  committed.views.weights[0] = 5;
  throwsCode(() => committed.commit(), "closed", /Begin another/);
  committed[Symbol.dispose]();
  assert.equal(loaded(state), 1);
  const given = state.begin();
  given[Symbol.dispose]();
  assert.equal(given.views.weights.length, 0);
  throwsCode(() => given.commit(), "closed");
});

test("a second begin or save while one is in progress is refused, and works once that one has ended", async () => {
  using state = await openState(schema, { slots: 2 });
  {
    using _ = state.begin();
    throwsCode(() => state.begin(), "busy", /Commit or dispose/);
    throwsCode(() => save(state, 1), "busy");
  }
  save(state, 2);
  assert.equal(loaded(state), 2);
});

test("with one slot the state cannot be loaded while a save is in progress, nor after it was given up", async () => {
  using state = await openState(schema);
  save(state, 1);
  {
    using writer = state.begin();
    throwsCode(() => state.load(), "busy", /in progress/);
    writer.views.weights.fill(3);
    assert.equal(writer.views.weights[999], 3);
  }
  throwsCode(() => state.load(), "unfinished", /two slots/);
  save(state, 4);
  assert.equal(loaded(state), 4);
});

test("with two slots any number of saves that are given up leave the last good state", async () => {
  using state = await openState(schema, { slots: 2 });
  for (let value = 1; value < 6; value++) {
    save(state, value);
    for (let i = 0; i < 3; i++) {
      using writer = state.begin();
      writer.views.weights.fill(99, 0, 500);
    }
    assert.equal(loaded(state), value);
  }
});

test("a reader that has the named state open sees every commit and never a half of one", async () => {
  using temporary = temporaryState();
  using writing = await openState(schema, { name: temporary.name, slots: 2 });
  using reading = await openState(schema, { name: temporary.name, slots: 2 });
  for (let value = 1; value < 6; value++) {
    save(writing, value);
    assert.equal(loaded(reading), value);
    using writer = writing.begin();
    writer.views.weights.fill(99, 0, 500);
    assert.equal(loaded(reading), value);
    assert.equal(reading.generation, value);
  }
});

test("a save spares the newest state also when another process made it since the state was opened", async () => {
  using temporary = temporaryState();
  const options = { name: temporary.name, slots: 2 } as const;
  using late = await openState(schema, options);
  using other = await openState(schema, options);
  for (let value = 1; value < 6; value++) {
    save(other, value);
    {
      using writer = late.begin();
      writer.views.weights.fill(99);
    }
    using fresh = await openState(schema, options);
    assert.equal(loaded(fresh), value);
  }
  save(late, 6);
  assert.equal(loaded(other), 6);
  assert.equal(other.generation, 6);
});

test("a snapshot gives the saved bytes in place, and ends by its disposal", async () => {
  using state = await openState(schema);
  save(state, 7);
  const snapshot = state.read();
  assert.equal(snapshot.generation, 1);
  assert.ok(snapshot.views.weights.every((weight) => weight === 7));
  assert.equal(snapshot.views.under.step[0], 7);
  assert.equal(snapshot.views.none.length, 0);
  snapshot[Symbol.dispose]();
  assert.equal(snapshot.views.weights.length, 0);
});

test("a snapshot is detached when its slot is written again, and lives while the other slot is", async () => {
  using state = await openState(schema, { slots: 2 });
  save(state, 1);
  using snapshot = state.read();
  save(state, 2);
  assert.equal(snapshot.views.weights[0], 1);
  save(state, 3);
  assert.equal(snapshot.views.weights.length, 0);
});

test("a disposed state refuses everything, and its views are detached instead of killing the process", async () => {
  const state = await openState(schema);
  save(state, 1);
  const snapshot = state.read();
  const writer = await openState(schema).then((other) => {
    const begun = other.begin();
    other[Symbol.dispose]();
    return begun;
  });
  state[Symbol.dispose]();
  assert.equal(snapshot.views.weights.length, 0);
  assert.equal(writer.views.weights.length, 0);
  throwsCode(() => writer.commit(), "closed");
  for (const use of [() => save(state, 2), () => state.begin(), () => state.load(), () => state.read()])
    throwsCode(use, "closed", /disposed/);
  state[Symbol.dispose]();
});
