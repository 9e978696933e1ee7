#!/usr/bin/env bun
/** Restores what scripts/dump.ts dumped. bun scripts/restore.ts --images-dir DIR */
import { command, describeFailure, parseArguments } from "criu-aware/driver";
import { chalk } from "zx";
import { positive, program, report } from "./report.ts";

const options = program("restore", "Restore a process tree with CRIU, and wait until its apps are rebuilt.")
  .requiredOption("--images-dir <dir>", "where the images are")
  .option("--timeout-ms <ms>", "how long to wait for a pid that is still taken, and for the apps", positive, 10_000)
  .option("--json", "print the result as one JSON object", false)
  .argument("[criu-options...]", "after --: further options for criu restore, such as --tcp-close")
  .parse();

await report(options.name(), async () => {
  const { imagesDir, timeoutMs, json } = options.opts();
  const result = await command().restore({ imagesDir, timeoutMs, criuOptions: parseArguments(options.args) });
  if (result.processes.some(({ errors }) => errors.length > 0)) process.exitCode = 1;
  if (json) return console.log(JSON.stringify(result));
  console.log(`${chalk.green("restored")} process ${result.pid} in ${result.restoreMs.toFixed(0)} ms`);
  for (const { pid, outcome = "no outcome", generation, errors } of result.processes) {
    console.log(
      `  process ${pid}: ${errors.map(describeFailure).join("; ") || `${outcome}, generation ${generation}`}`,
    );
  }
});
