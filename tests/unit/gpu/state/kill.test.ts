/** A process that is killed while it saves: what is left is a good state or a typed error. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { openState, StateError } from "../../../../gpu/mod.ts";
import { startScript } from "../../../support/child.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { randomNumbers } from "../../../support/gpu_saved.ts";
import { loadedStep, schema } from "../../../support/gpu_saver.ts";

const random = randomNumbers(13);

/** Kills a saver at a random moment; resolves with the last step that it had reported. */
async function killSaver(name: string, slots: 1 | 2): Promise<number> {
  await using saver = startScript("gpu_saver.ts", name, slots);
  await saver.nextLine();
  await new Promise((resolve) => setTimeout(resolve, random(12)));
  process.kill(saver.pid, "SIGKILL");
  const { stdout } = await saver.ended;
  // The last line may have been cut.
  return Number(stdout.slice(0, stdout.lastIndexOf("\n")).split("\n").at(-1));
}

test("killed at 50 random points with two slots: the last good state or the one that was just made, never a mixture", async () => {
  for (let round = 0; round < 50; round++) {
    using temporary = temporaryState();
    const reported = await killSaver(temporary.name, 2);
    using state = await openState(schema, { name: temporary.name, slots: 2 });
    const step = loadedStep(state);
    assert.ok(step >= reported, `round ${round}: ${step} was loaded after ${reported} was reported`);
    assert.equal(state.generation, step);
    state.save({ a: new Uint32Array(500_000), b: new Uint32Array(500_000), step: 0 } as never);
    assert.equal(loadedStep(state), 0);
  }
});

test("killed at random points, 20 at least, with one slot: a whole state, or the error that says it is unfinished", async () => {
  const ends = new Set<string>();
  // Most of the time goes into what lies between two saves: so often as it takes to be inside of one.
  for (let round = 0; round < 20 || (round < 200 && !ends.has("unfinished")); round++) {
    using temporary = temporaryState();
    const reported = await killSaver(temporary.name, 1);
    using state = await openState(schema, { name: temporary.name });
    try {
      assert.ok(loadedStep(state) >= reported);
      ends.add("whole");
    } catch (error) {
      assert.ok(error instanceof StateError && error.code === "unfinished", String(error));
      ends.add("unfinished");
    }
  }
  assert.ok(ends.has("unfinished"), "it was never killed inside a save");
});
