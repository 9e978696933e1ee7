/**
 * How fast a state is saved, verified and loaded on `host` (and `webgpu`): beside a plain memcpy of the same bytes, a file with fsync, and
 * what the runtimes offer, in the same run. Every row is compared with the memcpy of its direction; 1 / ratio is the share
 * of its speed.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { availableMemory } from "../gpu/state/available_memory.ts";
import { findVulkan, vulkanEnvironment } from "../setup/vulkan.ts";
import { type RuntimeName, runCommand, runtimes } from "../tests/support/runtimes.ts";
import { compare, percentile, type Row, report } from "./report.ts";

const MIB = 2 ** 20;
const sizes = [
  { name: "1 MiB", bytes: MIB, tensors: 1, rounds: 50 },
  { name: "16 MiB", bytes: 16 * MIB, tensors: 4, rounds: 20 },
  { name: "256 MiB", bytes: 256 * MIB, tensors: 8, rounds: 5 },
  { name: "1 GiB", bytes: 1024 * MIB, tensors: 8, rounds: 3 },
  { name: "10,000 × 1 KiB", bytes: 10_000 * 1024, tensors: 10_000, rounds: 10 },
] as const;

/** What each way is held against. The ratio is of times: 0.95 of the speed of a memcpy is 1.05 of its time, 0.5 is 2. */
const baselines: Record<string, { readonly baseline: string; readonly goal?: number }> = {
  save: { baseline: "memcpy to shared memory", goal: 1.05 },
  "save, two slots": { baseline: "memcpy to shared memory" },
  "save, nothing changed": { baseline: "memcpy to shared memory" },
  "save, compared": { baseline: "memcpy to shared memory" },
  "first save": { baseline: "memcpy to shared memory", goal: 2 },
  "open and first save": { baseline: "memcpy to shared memory" },
  "webgpu, save": { baseline: "memcpy to shared memory" },
  "webgpu, load": { baseline: "memcpy to shared memory" },
  verify: { baseline: "memcpy to warm memory" },
  load: { baseline: "memcpy to new memory", goal: 1.05 },
  "file and fsync": { baseline: "memcpy to shared memory" },
  structuredClone: { baseline: "memcpy to shared memory" },
  "v8.serialize": { baseline: "memcpy to shared memory" },
  "v8.deserialize": { baseline: "memcpy to new memory" },
};

// The software device of the set-up: how our side of WebGPU compares, not how fast a GPU is.
const deviceSizes = sizes.filter(({ bytes }) => bytes <= 256 * MIB);

export async function bench(json: boolean): Promise<void> {
  const rows: Row[] = [];
  for (const runtime of runtimes) {
    for (const { name, bytes, tensors, rounds } of sizes) {
      // The values, a copy, the memcpy's target, four slots, and what is loaded.
      if (bytes * 9 > availableMemory()) {
        console.log(`${name} in ${runtime}: not measured, there is not enough memory`);
        continue;
      }
      rows.push(...rowsOf(name, runtime, measure(runtime, "measure.ts", [bytes, tensors, rounds])));
    }
    if (!findVulkan()) {
      console.log(`webgpu in ${runtime}: not measured, there is no software device; run \`npm run setup\``);
      continue;
    }
    for (const { name, bytes, tensors, rounds } of deviceSizes) {
      if (tensors > 1000) continue;
      const samples = measure(runtime, "device.ts", ["webgpu", bytes, tensors, rounds], vulkanEnvironment());
      rows.push(...rowsOf(`webgpu, ${name}`, runtime, samples));
    }
  }
  report("gpu", rows, json);
}

/** The samples of each way, in milliseconds, measured in a process of its own. */
function measure(
  runtime: RuntimeName,
  script: string,
  args: readonly (string | number)[],
  env: Record<string, string> = {},
): Record<string, number[]> {
  const [program, ...before] = runCommand[runtime] as [string, ...string[]];
  const out = execFileSync(
    program,
    [...before, join(import.meta.dirname as string, "gpu", script), ...args.map(String)],
    {
      encoding: "utf8",
      env: { ...process.env, ...env },
    },
  );
  // What a driver says comes before.
  return JSON.parse(out.trimEnd().split("\n").at(-1) as string) as Record<string, number[]>;
}

function rowsOf(size: string, runtime: string, samples: Record<string, number[]>): Row[] {
  const median = (way: string): number => percentile(samples[way] ?? [], 0.5);
  return Object.keys(samples).map((way) => {
    const figure = { name: `${size}: ${way}`, runtime, value: median(way), unit: "ms" };
    const { baseline, goal } = baselines[way] ?? {};
    if (baseline === undefined) return compare(figure);
    return compare(figure, { name: baseline, value: median(baseline), ...(goal === undefined ? {} : { goal }) });
  });
}
