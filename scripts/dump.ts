#!/usr/bin/env bun
/** Dumps a process tree; every attached process in it is told first. bun scripts/dump.ts --pid 1234 --images-dir DIR */
import { Option } from "commander";
import { command, parseArguments, strategyNames } from "criu-aware/driver";
import { chalk } from "zx";
import { positive, program, report } from "./report.ts";

const options = program("dump", "Dump a process tree with CRIU; every attached process in it is told first.")
  .requiredOption("--pid <pid>", "the root of the tree", positive)
  .requiredOption("--images-dir <dir>", "where the images go: a new or empty directory")
  .option("--leave-running", "the tree goes on after the dump", false)
  .addOption(
    new Option("--strategy <name>", "how to notify (default: the first that the app listens to)").choices(
      strategyNames,
    ),
  )
  .option("--timeout-ms <ms>", "how long the apps may prepare", positive, 10_000)
  .option("--lease-ms <ms>", "how long a ready app holds without a sign of life from here", positive, 5_000)
  .option("--unaware", "dump also when no process of the tree is attached", false)
  .option("--json", "print the result as one JSON object", false)
  .argument("[criu-options...]", "after --: further options for criu dump, such as --file-locks")
  .parse();

await report(options.name(), async () => {
  const { json, ...dump } = options.opts();
  const result = await command().dump({
    ...dump,
    pid: dump.pid,
    imagesDir: dump.imagesDir,
    criuOptions: parseArguments(options.args),
  });
  if (json) return console.log(JSON.stringify(result));
  const held = `${result.pids.length} attached, held after ${result.noticeToReadyMs.toFixed(1)} ms`;
  console.log(`${chalk.green("dumped")} in ${result.dumpMs.toFixed(0)} ms (${held}) into ${dump.imagesDir}`);
});
