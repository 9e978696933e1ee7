/** An app with its state on a WebGPU device: each SIGWINCH has it compute one step, and say what it holds then. */
import { openSync, writeSync } from "node:fs";
import { attach } from "criu-aware";
import { unblocked } from "criu-aware/blockers";
import { signal } from "criu-aware/strategies/signal";
import { openModel } from "./webgpu_model.ts";

const options: { readonly holdsDevice?: string } = JSON.parse(process.argv[2] as string);
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);

const { device, resource, state } = await openModel();
const agent = await attach({
  strategies: [signal()],
  onError: (error) => say("error", { message: error.message }),
});
agent.register(unblocked());
agent.register(resource);
agent.register({ name: "outcome", afterRestore: ({ outcome }) => say("recovered", { outcome }) });
// As a driver's device file that somebody left open.
if (options.holdsDevice) openSync(options.holdsDevice, "r+");

process.on("SIGWINCH", async () => {
  await device.call("count", 16, 1);
  await resource.save();
  const { step, model } = state.load();
  say("tick", { step, right: model.numbers.every((number, i) => number === step * i), adapter: device.adapter });
});
setInterval(() => {}, 1000);
say("attached");
