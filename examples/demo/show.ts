import Table from "cli-table3";
import { chalk } from "zx";
import type { Moment, Run } from "./run.ts";

/**
 * A timeline as text: what the driver did on the left, what the app did on the right, in milliseconds since the first thing
 * that happened.
 */
export function showTimeline(title: string, moments: readonly Moment[]): string {
  const start = moments[0]?.at ?? 0;
  const lines = moments.map(({ at, who, what }) => {
    const time = (at - start).toFixed(1).padStart(8);
    return who === "driver" ? `${time}  ${what}` : `${time}  ${" ".repeat(14)}${chalk.cyan(what)}`;
  });
  const head = `${"ms".padStart(8)}  ${"driver".padEnd(14)}${chalk.cyan("app")}`;
  return [chalk.bold(title), chalk.dim(head), ...lines].join("\n");
}

/** All runs as a table. */
export function showRuns(runs: readonly Run[]): string {
  const head = [
    "runtime",
    "device",
    "strategy",
    "round",
    "outcome",
    "notice → held",
    "dump",
    "restore",
    "restore → rebuilt",
    "exact",
  ];
  const table = new Table({
    head,
    style: { head: [], border: [] },
    colAligns: ["left", "left", "left", "right", "left", "right", "right", "right", "right", "left"],
  });
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  for (const run of runs) {
    table.push([
      run.runtime,
      run.device,
      run.strategy,
      run.round,
      run.outcome,
      ms(run.noticeToReadyMs),
      ms(run.dumpMs),
      ms(run.restoreMs),
      ms(run.restoreToRebuiltMs),
      run.exact ? chalk.green("yes") : chalk.red("no"),
    ]);
  }
  return table.toString();
}
