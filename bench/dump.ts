/**
 * What it costs that the app is told: a whole dump, and a whole restore, by our two engines and by the recipe that people use
 * today, beside bare `criu` on the same process. The ways take turns; each is compared with the bare run of the same round.
 */
import { runCommand, runtimes } from "../tests/support/runtimes.ts";
import { type Measured, Victim, type Way, ways } from "./dump/victim.ts";
import { percentile, type Row, report } from "./report.ts";

const ROUNDS = 20;
const goals: Partial<Record<Way, number>> = { rpc: 1.05, command: 1.2 };

export async function bench(json: boolean): Promise<void> {
  const rows: Row[] = [];
  for (const runtime of runtimes) {
    const samples = await measure(runCommand[runtime]);
    for (const task of ["dump", "restore"] as const) {
      const all = (way: Way): number[] => (samples.get(way) as Measured[]).map((sample) => sample[task]);
      // The recipe of today does nothing at a restore.
      for (const way of ways.filter((way) => task === "dump" || way !== "recipe")) {
        const figure = { name: `${task}, ${way}`, runtime, value: median(all(way)), unit: "ms" };
        if (way === "bare") rows.push({ ...figure, against: "", ratio: null, goal: null, met: null });
        else rows.push(paired(figure, `${task}, bare`, ratios(all(way), all("bare")), goals[way]));
      }
      if (task === "restore") continue;
      for (const way of ["rpc", "command"] as const) {
        const figure = { name: `${task}, ${way}`, runtime, value: median(all(way)), unit: "ms" };
        rows.push(paired(figure, `${task}, recipe`, ratios(all(way), all("recipe")), 1));
      }
    }
    for (const way of ["rpc", "command"] as const) {
      const rebuilt = (samples.get(way) as Measured[]).flatMap((sample) => sample.rebuilt ?? []);
      const until = { name: `restore until rebuilt, ${way}`, runtime, value: median(rebuilt), unit: "ms" };
      rows.push({ ...until, against: "", ratio: null, goal: null, met: null });
      const phases = (samples.get(way) as Measured[]).flatMap((sample) => sample.phases ?? []);
      for (const phase of ["start → hook", "notice → held", "held → dumped"] as const) {
        const value = median(phases.map((times) => times[phase]));
        const row = { name: `${way}: ${phase}`, runtime, value, unit: "ms" };
        rows.push({ ...row, against: "", ratio: null, goal: null, met: null });
      }
    }
  }
  report("dump", rows, json);
}

/** Dumps and restores one process again and again. */
async function measure(command: readonly string[]): Promise<Map<Way, Measured[]>> {
  using victim = await Victim.start(command);
  const samples = new Map<Way, Measured[]>(ways.map((way) => [way, []]));
  // The first round only warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const shift = round % ways.length;
    for (const way of [...ways.slice(shift), ...ways.slice(0, shift)]) {
      const sample = await victim.measure(way);
      if (round > 0) samples.get(way)?.push(sample);
    }
  }
  return samples;
}

function ratios(values: readonly number[], baseline: readonly number[]): number[] {
  return values.map((value, i) => value / (baseline[i] as number));
}

function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

function paired(
  figure: Pick<Row, "name" | "runtime" | "value" | "unit">,
  against: string,
  pairs: readonly number[],
  goal?: number,
): Row {
  const ratio = median(pairs);
  return { ...figure, against, ratio, goal: goal ?? null, met: goal === undefined ? null : ratio <= goal };
}
