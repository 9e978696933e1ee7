/** Saves, releases, opens again and loads on the host, `host_rounds.ts NAME ROUNDS` times, and prints what grew. */
import assert from "node:assert/strict";
import { allocateBuffers, defineState, host, openState, scalar, tensor } from "../../gpu/mod.ts";
import { gpu } from "../../resources/gpu.ts";
import { prepare, recover } from "./hooks.ts";
import { playRounds } from "./rounds.ts";

// 256 KiB: one that were forgotten each round would show.
const schema = defineState({ weights: tensor("f32", [1 << 16]), step: scalar("u32") });

async function open(name?: string) {
  const device = host();
  const state = await openState(schema, { ...(name === undefined ? {} : { name }), slots: 2 });
  const buffers = await allocateBuffers(device, schema);
  return { device, state, buffers, resource: gpu({ device, state, buffers }) };
}
type Model = Awaited<ReturnType<typeof open>>;

/** Goes from the step of the round before to its own. */
function step({ buffers: { weights, step } }: Model, round: number): void {
  assert.equal(step.current.array[0], round - 1);
  assert.ok(weights.current.array.every((weight) => weight === round - 1));
  weights.current.array.fill(round);
  step.current.array[0] = round;
}

const [name = "", rounds] = process.argv.slice(2);
const lasting = await open();
const growth = await playRounds(Number(rounds), async (round) => {
  // A process that goes on.
  step(lasting, round);
  await prepare(lasting.resource);
  await recover(lasting.resource);
  // One that finds what another left.
  const next = await open(name);
  if (round > 1) await next.resource.recover();
  step(next, round);
  await prepare(next.resource);
  next.state[Symbol.dispose]();
  next.device[Symbol.dispose]();
});
console.log(JSON.stringify(growth));
