import { cpus, release, totalmem } from "node:os";
import Table from "cli-table3";

/** One figure, and what it is held against. */
export interface Row {
  readonly name: string;
  readonly runtime: string;
  readonly value: number;
  readonly unit: string;
  /** The name of the row that is the baseline, or the limit itself. */
  readonly against: string;
  /** value / baseline, or value / limit. */
  readonly ratio: number | null;
  /** The ratio that is aimed at; null where none is. */
  readonly goal: number | null;
  readonly met: boolean | null;
}

/** The value below which `share` of the samples lie. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Compares a value with a baseline; without a goal it only informs. */
export function compare(
  figure: Pick<Row, "name" | "runtime" | "value" | "unit">,
  against?: { readonly name: string; readonly value: number; readonly goal?: number },
): Row {
  if (!against) return { ...figure, against: "", ratio: null, goal: null, met: null };
  const ratio = figure.value / against.value;
  const goal = against.goal ?? null;
  return { ...figure, against: against.name, ratio, goal, met: goal === null ? null : ratio <= goal };
}

/** Prints the rows as a table, and with `json` as one JSON object on the last line. */
export function report(bench: string, rows: readonly Row[], json: boolean): void {
  const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory: totalmem(), kernel: release() };
  const table = new Table({
    head: ["runtime", "what", "value", "against", "ratio", "goal", ""],
    style: { head: [], border: [] },
    colAligns: ["left", "left", "right", "left", "right", "right", "left"],
  });
  for (const { runtime, name, value, unit, against, ratio, goal, met } of rows) {
    const verdict = met === null ? "" : met ? "met" : "missed";
    table.push([runtime, name, `${value.toFixed(1)} ${unit}`, against, ratio?.toFixed(2) ?? "", goal ?? "", verdict]);
  }
  console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}`);
  console.log(table.toString());
  if (json) console.log(JSON.stringify({ bench, machine, rows }));
}
