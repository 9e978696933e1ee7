/**
 * The main job, shown: a trainer in Bun and in Deno is told by each strategy that it will be dumped, saves its state into
 * shared memory, holds still, is dumped and restored by CRIU, knows it, rebuilds, and ends bit for bit where it would have ended.
 */
import { parseArgs } from "node:util";
import { command, type Engine, locateCriu, simulate, strategyNames } from "criu-aware/criu";
import { type Run, runOnce, runUninterrupted } from "./run.ts";
import { showRuns, showTimeline } from "./show.ts";
import { runtimes } from "./trainer.ts";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean", default: false }, engine: { type: "string" } },
});

if (process.platform !== "linux") {
  console.error(
    "Notices travel by Linux's own means, with and without CRIU: run the demo on Linux, a container will do.",
  );
  process.exit(1);
}
const engine = chooseEngine(flags.engine);
const runs: Run[] = [];
for (const runtime of runtimes) {
  const expected = await runUninterrupted(runtime);
  for (const strategy of strategyNames) {
    const { run, moments } = await runOnce(engine, runtime, strategy, expected);
    runs.push(run);
    console.log(`${showTimeline(`${runtime}, notified by ${strategy}`, moments)}\n`);
  }
}
console.log(showRuns(runs));
if (flags.json) console.log(JSON.stringify({ engine: engine.kind === "simulate" ? "simulate" : "criu", runs }));
process.exitCode = runs.every(({ outcome, exact }) => outcome === "restored" && exact) ? 0 : 1;

function chooseEngine(wanted: string | undefined): Engine {
  if (wanted === "simulate") return simulate();
  try {
    if (process.geteuid?.() !== 0) throw new Error("CRIU needs root");
    console.log(`CRIU: ${locateCriu()}\n`);
    return command();
  } catch (error) {
    console.log(`CRIU cannot run here: ${(error as Error).message}.`);
    console.log("The simulate engine stands in: notices, saving and holding are real, but nothing is frozen.\n");
    return simulate();
  }
}
