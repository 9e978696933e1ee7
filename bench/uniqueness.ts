/**
 * What uniqueness() costs: each draw before it is there and after a restore in the same process; and how long a restored
 * thread takes to renew its generators.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { runCommand, runtimes } from "../tests/support/runtimes.ts";
import { compare, percentile, type Row, report } from "./report.ts";
import type { Measured } from "./uniqueness/measure.ts";

/** The least that a draw takes: before and after lie apart in time, and what else the machine does is not to be compared. */
const LEAST = 0.05;

export async function bench(json: boolean): Promise<void> {
  const rows: Row[] = [];
  for (const runtime of runtimes) {
    const [program, ...args] = [...runCommand[runtime], join(import.meta.dirname as string, "uniqueness/measure.ts")];
    const { draws, renewMs } = JSON.parse(execFileSync(program as string, args, { encoding: "utf8" })) as Measured;
    for (const [name, { before, after }] of Object.entries(draws)) {
      const [value, baseline] = [after, before].map((samples) => percentile(samples, LEAST)) as [number, number];
      rows.push(compare({ name: `${name}, before`, runtime, value: baseline, unit: "ns" }));
      // The one function that is replaced.
      const goal = name === "Math.random" && runtime === "deno" ? 1.5 : 1.1;
      rows.push(compare({ name, runtime, value, unit: "ns" }, { name: `${name}, before`, value: baseline, goal }));
    }
    rows.push(compare({ name: "to renew a thread", runtime, value: percentile(renewMs, 0.5), unit: "ms" }));
  }
  report("uniqueness", rows, json);
}
