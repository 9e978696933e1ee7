/**
 * A small trainer whose typed GPU state goes through a checkpoint. The same file runs in Bun and Deno:
 *
 *     bun examples/trainer.ts --strategy signal --steps 1000
 *     deno run -A examples/trainer.ts --strategy file --marker /tmp/marker
 *     bun examples/trainer.ts --device webgpu
 *
 * On other systems than Linux it trains as well, and can play a checkpoint: --simulate-at 100
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { attach } from "criu-aware";
import { allocateBuffers, bindBuffers, defineState, host, openDevice, openState, scalar, tensor } from "criu-aware/gpu";
import { type GpuResource, gpu } from "criu-aware/resources/gpu";
import { attach as simulate } from "criu-aware/simulate";
import { file } from "criu-aware/strategies/file";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";

const { values: flags } = parseArgs({
  options: {
    strategy: { type: "string", default: "signal" },
    /** Where to compute: on the `host`, or by `webgpu`. Both end with the same bits. */
    device: { type: "string", default: "host" },
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
const devices = { host: onHost, webgpu: onWebGpu };
const open = devices[flags.device as keyof typeof devices];
if (!strategy || !open || !(steps > 0))
  throw new RangeError("--strategy is signal, file or socket; --device host or webgpu; --steps a positive number");

// The state lives on the device; a checkpoint carries it over in shared memory.
const schema = defineState({
  weights: tensor("f32", [512, 512]),
  momentum: tensor("f32", [512, 512]),
  step: scalar("u32"),
});
using state = await openState(schema);
const { model, train, device } = await open();
let step = 0;

const isReal = process.platform === "linux" && flags["simulate-at"] === undefined;
const simulated = isReal ? undefined : await simulate({ strategies: [] });
await using agent = simulated ?? (await attach({ strategies: [strategy()] }));
agent.register(model);
agent.register({
  name: "log",
  afterRestore: ({ outcome, generation }) => console.log(`step ${step}: ${outcome}, generation ${generation}`),
});

console.log(`step 0 of ${steps}, attached as process ${process.pid}, digest ${await digest()}`);
while (step < steps) {
  await train();
  step++;
  if (step % 50 === 0) console.log(`step ${step}, digest ${await digest()}`);
  if (simulated && step === Number(flags["simulate-at"])) {
    await simulated.checkpoint();
    console.log(`round ${JSON.stringify(simulated.lastRound)}`);
  }
  await rest();
}
console.log(`done: step ${step}, digest ${await digest()}`);
device[Symbol.dispose]();

/** What the trainer works with, whatever the device. */
interface Trainer {
  readonly device: Disposable;
  readonly model: GpuResource;
  readonly train: () => void | Promise<void>;
}

async function onHost(): Promise<Trainer> {
  const device = host();
  const buffers = await allocateBuffers(device, schema);
  /** One step of gradient descent with momentum towards a fixed pattern. f32 arithmetic only: every machine gets the same bits. */
  const train = (): void => {
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
  };
  return { device, model: gpu({ name: "model", device, state, buffers }), train };
}

async function onWebGpu(): Promise<Trainer> {
  const program = new URL("./trainer_gpu.ts", import.meta.url);
  const device = await openDevice<typeof import("./trainer_gpu.ts")>("webgpu", { program });
  console.log(`WebGPU: ${device.adapter}`);
  const buffers = await allocateBuffers(device, schema);
  await bindBuffers(device, schema, buffers);
  return { device, model: gpu({ name: "model", device, state, buffers }), train: () => device.call("train") };
}

/** Lets the event loop live, and waits out a checkpoint: meanwhile the buffers are released. */
async function rest(): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, Number(flags["rest-ms"])));
  while (agent.state !== "running");
}

/** Of what is on the device now, by way of what a checkpoint would carry. */
async function digest(): Promise<string> {
  await model.save();
  const { weights, momentum, step: saved } = state.load();
  const hash = createHash("sha256");
  for (const array of [weights, momentum, Uint32Array.of(saved)]) hash.update(array);
  return hash.digest("hex").slice(0, 16);
}
