/**
 * The main job, shown: a trainer in Bun and in Deno is told by each strategy that it will be dumped, saves its state into
 * shared memory, holds still, is dumped and restored by CRIU, knows it, rebuilds, and ends bit for bit where it would have ended.
 */
import { parseArgs } from "node:util";
import { command, type Engine, locateCriu, rpc, simulate, strategyNames } from "criu-aware/criu";
import { runInProcess } from "./in_process.ts";
import { type Run, runOnce, runUninterrupted, type Shown } from "./run.ts";
import { showRuns, showTimeline } from "./show.ts";
import { runtimes } from "./trainer.ts";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean", default: false }, engine: { type: "string", default: "rpc" } },
});
const engines = { rpc, command, simulate };

if (!(flags.engine in engines)) {
  console.error(`--engine must be one of ${Object.keys(engines).join(", ")}, not ${flags.engine}.`);
  process.exit(2);
}
const engine = process.platform === "linux" ? chooseEngine(flags.engine) : undefined;
if (!engine) console.log("CRIU needs Linux: here the same trainer plays its checkpoint in its own process.\n");
const runs: Run[] = [];
for (const runtime of runtimes) {
  const expected = await runUninterrupted(runtime);
  const show = ({ run, moments }: Shown, title: string): void => {
    runs.push(run);
    console.log(`${showTimeline(`${runtime}, ${title}`, moments)}\n`);
  };
  if (engine) {
    for (const strategy of strategyNames)
      show(await runOnce(engine, runtime, strategy, expected), `notified by ${strategy}`);
  } else {
    show(await runInProcess(runtime, expected), "on its own");
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
