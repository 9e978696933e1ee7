/**
 * The main job, shown: a trainer in Bun and in Deno is told by each strategy that it will be dumped, saves its state into
 * shared memory, holds still, is dumped and restored by CRIU, knows it, rebuilds, and ends bit for bit where it would have ended.
 */
import { parseArgs } from "node:util";
import { command, type Engine, locateCriu, rpc, simulate, strategyNames } from "criu-aware/driver";
import { runInProcess } from "./in_process.ts";
import { type Run, runOnce, runUninterrupted, type Shown } from "./run.ts";
import { showRuns, showTimeline } from "./show.ts";
import { type DeviceName, devices, runtimes, webGpuEnvironment } from "./trainer.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    engine: { type: "string", default: "rpc" },
    device: { type: "string", default: "host" },
  },
});
const engines = { rpc, command, simulate };

if (!(flags.engine in engines)) {
  console.error(`--engine must be one of ${Object.keys(engines).join(", ")}, not ${flags.engine}.`);
  process.exit(2);
}
if (!devices.includes(flags.device as DeviceName)) {
  console.error(`--device must be one of ${devices.join(", ")}, not ${flags.device}.`);
  process.exit(2);
}
const device = flags.device as DeviceName;
if (device === "webgpu" && webGpuEnvironment().VK_ICD_FILENAMES)
  console.log("WebGPU: on SwiftShader, in software; VK_ICD_FILENAMES=… chooses another driver.");
const engine = process.platform === "linux" ? chooseEngine(flags.engine) : undefined;
if (!engine) console.log("CRIU needs Linux: here the same trainer plays its checkpoint in its own process.\n");
const runs: Run[] = [];
for (const runtime of runtimes) {
  const expected = await runUninterrupted(runtime, "host");
  const isSame = device === "host" || (await runUninterrupted(runtime, device)) === expected;
  const show = ({ run, moments }: Shown, title: string): void => {
    runs.push({ ...run, exact: run.exact && isSame });
    console.log(`${showTimeline(`${runtime}, ${title}`, moments)}\n`);
  };
  if (engine) {
    for (const strategy of strategyNames) {
      const rounds = await runOnce(engine, runtime, device, strategy, expected);
      for (const shown of rounds)
        show(shown, `notified by ${strategy}${rounds.length > 1 ? `, round ${shown.run.round}` : ""}`);
    }
  } else {
    show(await runInProcess(runtime, device, expected), "on its own");
  }
}
console.log(showRuns(runs));
const kind = engine && engine.kind !== "simulate" ? "criu" : "simulate";
if (flags.json) console.log(JSON.stringify({ engine: kind, runs }));
process.exitCode = runs.every(({ outcome, exact }) => outcome === "restored" && exact) ? 0 : 1;

function chooseEngine(wanted: string): Engine {
  const create = engines[wanted as keyof typeof engines];
  if (create === simulate) return simulate();
  try {
    if (process.geteuid?.() !== 0) throw new Error("CRIU needs root");
    console.log(`CRIU: ${locateCriu()}, driven by ${wanted === "rpc" ? "its RPC" : "its command line"}\n`);
    return create();
  } catch (error) {
    console.log(`CRIU cannot run here: ${(error as Error).message}.`);
    console.log("The simulate engine stands in: notices, saving and holding are real, but nothing is frozen.\n");
    return simulate();
  }
}
