/**
 * A small trainer whose typed GPU state goes through a checkpoint. The same file runs in Bun and Deno:
 *
 *     bun examples/trainer.ts --strategy signal --steps 1000
 *     deno run -A examples/trainer.ts --strategy file --marker /tmp/marker
 *
 * On other systems than Linux it trains as well, and can play a checkpoint: --simulate-at 100
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { attach } from "criu-aware";
import { allocateBuffers, defineState, host, openState, scalar, tensor } from "criu-aware/gpu";
import { gpu } from "criu-aware/resources/gpu";
import { attach as simulate } from "criu-aware/simulate";
import { file } from "criu-aware/strategies/file";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";

const { values: flags } = parseArgs({
  options: {
    strategy: { type: "string", default: "signal" },
    steps: { type: "string", default: "500" },
    /** Milliseconds to rest after each step. */
    "rest-ms": { type: "string", default: "5" },
    marker: { type: "string", default: "/tmp/criu-aware-trainer" },
    /** The step after which to play a checkpoint in this process: nothing is dumped, and no notice is taken. */
    "simulate-at": { type: "string" },
  },
});
const steps = Number(flags.steps);
const strategies = { signal: () => signal(), file: () => file({ path: flags.marker }), socket: () => socket() };
const strategy = strategies[flags.strategy as keyof typeof strategies];
if (!strategy || !(steps > 0))
  throw new RangeError("--strategy is signal, file or socket; --steps is a positive number");

// The state lives on the device; a checkpoint carries it over in shared memory.
const schema = defineState({
  weights: tensor("f32", [512, 512]),
  momentum: tensor("f32", [512, 512]),
  step: scalar("u32"),
});
const device = host();
using state = await openState(schema);
const buffers = await allocateBuffers(device, schema);

const isReal = process.platform === "linux" && flags["simulate-at"] === undefined;
const simulated = isReal ? undefined : await simulate({ strategies: [] });
await using agent = simulated ?? (await attach({ strategies: [strategy()] }));
agent.register(gpu({ name: "model", device, state, buffers }));
agent.register({
  name: "log",
  afterRestore: ({ outcome, generation }) => console.log(`step ${step()}: ${outcome}, generation ${generation}`),
});

console.log(`step 0 of ${steps}, attached as process ${process.pid}, digest ${digest()}`);
while (step() < steps) {
  train();
  if (step() % 100 === 0) console.log(`step ${step()}, digest ${digest()}`);
  if (simulated && step() === Number(flags["simulate-at"])) {
    await simulated.checkpoint();
    console.log(`round ${JSON.stringify(simulated.lastRound)}`);
  }
  await rest();
}
console.log(`done: step ${step()}, digest ${digest()}`);

function step(): number {
  return buffers.step.current.array[0] as number;
}

/** One step of gradient descent with momentum towards a fixed pattern. f32 arithmetic only: every machine gets the same bits. */
function train(): void {
  const weights = buffers.weights.current.array;
  const momentum = buffers.momentum.current.array;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    const gradient = Math.fround(weight - (i % 97) / 128);
    const kept = Math.fround(Math.fround(0.9375) * (momentum[i] as number));
    momentum[i] = kept + gradient;
    weights[i] = weight - Math.fround(0.015625 * (momentum[i] as number));
  }
  buffers.step.current.array[0]!++;
}

/** Lets the event loop live, and waits out a checkpoint: meanwhile the buffers are released. */
async function rest(): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, Number(flags["rest-ms"])));
  while (agent.state !== "running");
}

function digest(): string {
  const hash = createHash("sha256");
  for (const { current } of [buffers.weights, buffers.momentum, buffers.step]) hash.update(current.array);
  return hash.digest("hex").slice(0, 16);
}
