/**
 * What it costs that the app is told: a whole dump, and a whole restore, by our two engines and by the recipe that people use
 * today, beside bare `criu` on the same process. Each run is paired with a bare one right beside it.
 */
import { runCommand, runtimes } from "../tests/support/runtimes.ts";
import { type Measured, Victim, type Way, ways } from "./dump/victim.ts";
import { compare, comparePairs, percentile, type Row, report } from "./report.ts";
import { shuffled } from "./shuffled.ts";

const ROUNDS = 20;
const goals: Partial<Record<Way, number>> = { rpc: 1.05, command: 1.2 };
const phases = ["start → hook", "notice → held", "held → dumped"] as const;

/** The same work by a way and by bare CRIU, one right after the other. */
interface Pair {
  readonly way: Measured;
  readonly bare: Measured;
}

export async function bench(json: boolean, rounds: number = ROUNDS): Promise<void> {
  const rows: Row[] = [];
  for (const runtime of runtimes) {
    const pairs = await measure(runCommand[runtime], rounds);
    const of = (way: Way): Pair[] => pairs.get(way) ?? [];
    const unit = "ms";
    const median = (name: string, values: readonly number[]): void =>
      void rows.push(compare({ name, runtime, unit, value: percentile(values, 0.5) }));
    for (const task of ["dump", "restore"] as const) {
      const times = (way: Way): number[] => of(way).map((pair) => pair.way[task]);
      const bare = (pairs: readonly Pair[]): number[] => pairs.map((pair) => pair.bare[task]);
      median(`${task}, bare`, bare(ways.flatMap(of)));
      for (const way of ways) {
        // The recipe of today does nothing at a restore.
        if (task === "restore" && way === "recipe") continue;
        const against = { name: `${task}, bare`, values: bare(of(way)), goal: goals[way] };
        rows.push(comparePairs({ name: `${task}, ${way}`, runtime, unit }, times(way), against));
      }
      if (task === "restore") continue;
      for (const way of ["rpc", "command"] as const) {
        const against = { name: "dump, recipe", values: times("recipe"), goal: 1 };
        rows.push(comparePairs({ name: `dump, ${way}`, runtime, unit }, times(way), against));
      }
    }
    for (const way of ["rpc", "command"] as const) {
      const measured = of(way).map((pair) => pair.way);
      const rebuilt = measured.flatMap(({ rebuilt }) => rebuilt ?? []);
      median(`restore until rebuilt, ${way}`, rebuilt);
      for (const phase of phases) {
        const times = measured.flatMap(({ phases }) => phases?.[phase] ?? []);
        median(`${way}: ${phase}`, times);
      }
    }
  }
  report("dump", rows, json);
}

/** Dumps and restores one process again and again. */
async function measure(command: readonly string[], rounds: number): Promise<Map<Way, Pair[]>> {
  using victim = await Victim.start(command);
  const pairs = new Map<Way, Pair[]>(ways.map((way) => [way, []]));
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const way of shuffled(ways)) {
      const before = Math.random() < 0.5 ? await victim.measure("bare") : undefined;
      const measured = await victim.measure(way);
      const pair = { way: measured, bare: before ?? (await victim.measure("bare")) };
      if (round > 0) pairs.get(way)?.push(pair);
    }
  }
  return pairs;
}
