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
  /** Where the ratio lies with 95 %, as far as chance goes; absent where it is not known. */
  readonly interval?: readonly [low: number, high: number];
  /** The ratio that is aimed at; null where none is. */
  readonly goal: number | null;
  readonly met: boolean | null;
}

/** The value below which `share` of the samples lie. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

type Figure = Pick<Row, "name" | "runtime" | "value" | "unit">;

/** Compares a value with a baseline; without a goal it only informs. */
export function compare(
  figure: Figure,
  against?: { readonly name: string; readonly value: number; readonly goal?: number },
): Row {
  if (!against) return { ...figure, against: "", ratio: null, goal: null, met: null };
  return judge(figure, against.name, figure.value / against.value, against.goal);
}

/** Compares medians by the ratios of what was measured in pairs; both sides in the same order. */
export function comparePairs(
  figure: Omit<Figure, "value">,
  values: readonly number[],
  against: { readonly name: string; readonly values: readonly number[]; readonly goal?: number | undefined },
): Row {
  const ratios = values.map((value, i) => value / (against.values[i] as number));
  const row = judge({ ...figure, value: percentile(values, 0.5) }, against.name, percentile(ratios, 0.5), against.goal);
  return { ...row, interval: medianInterval(ratios) };
}

function judge(figure: Figure, against: string, ratio: number, goal: number | undefined): Row {
  return { ...figure, against, ratio, goal: goal ?? null, met: goal === undefined ? null : ratio <= goal };
}

/** Where the median of what was sampled lies with 95 %: order statistics, so that nothing is assumed of how it is spread. */
function medianInterval(samples: readonly number[]): [low: number, high: number] {
  const sorted = [...samples].sort((a, b) => a - b);
  const last = sorted.length - 1;
  const low = Math.max(0, Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2));
  return [sorted[low] ?? Number.NaN, sorted[last - low] ?? Number.NaN];
}

/** Prints the rows as a table, and with `json` as one JSON object on the last line. */
export function report(bench: string, rows: readonly Row[], json: boolean): void {
  const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory: totalmem(), kernel: release() };
  const table = new Table({
    head: ["runtime", "what", "value", "against", "ratio", "goal", ""],
    style: { head: [], border: [] },
    colAligns: ["left", "left", "right", "left", "right", "right", "left"],
  });
  for (const { runtime, name, value, unit, against, ratio, interval, goal, met } of rows) {
    const verdict = met === null ? "" : met ? "met" : "missed";
    const around = interval ? ` (${interval.map((end) => end.toFixed(2)).join(" to ")})` : "";
    const ratioText = ratio === null ? "" : `${ratio.toFixed(2)}${around}`;
    table.push([runtime, name, `${value.toFixed(1)} ${unit}`, against, ratioText, goal ?? "", verdict]);
  }
  console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}`);
  console.log(table.toString());
  if (json) console.log(JSON.stringify({ bench, machine, rows }));
}
