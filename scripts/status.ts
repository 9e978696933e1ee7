#!/usr/bin/env bun
/** Shows the attached processes of this host, or one of them. bun scripts/status.ts [--pid N] [--images-dir DIR] */
import Table from "cli-table3";
import { listAttached, UsageError } from "criu-aware/driver";
import { positive, program, report } from "./report.ts";

const options = program("status", "Show the attached processes of this host.")
  .option("--pid <pid>", "only this one", positive)
  .option("--json", "print a JSON array", false)
  .parse();

await report(options.name(), async () => {
  const { pid, json } = options.opts();
  const processes = (await listAttached()).filter((process) => pid === undefined || process.pid === pid);
  if (pid !== undefined && processes.length === 0) {
    throw new UsageError(
      `Process ${pid} is not attached: there is none with that pid, it does not call attach(), or you are not its user.`,
    );
  }
  if (json) return console.log(JSON.stringify(processes));
  if (processes.length === 0) return console.log("No process is attached.");
  const table = new Table({
    head: ["pid", "runtime", "state", "strategies", "generation", "last outcome"],
    style: { head: [], border: [] },
  });
  for (const { pid, runtime, state, strategies, generation, lastOutcome = "-" } of processes) {
    table.push([pid, runtime, state, strategies.join(" "), generation, lastOutcome]);
  }
  console.log(table.toString());
});
