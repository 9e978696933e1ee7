#!/usr/bin/env bun
/**
 * Restores a dumped process tree, and waits until its apps are rebuilt. Copy it and change what you like: it needs criu-aware and zx.
 * Its options are those of `criu-aware restore`.
 */
import { parseArgs } from "node:util";
import { command, describeFailure, parseArguments, UsageError } from "criu-aware/driver";
import { chalk } from "zx";

const usage = `Usage: restore.ts <dir> [--timeout-ms 10000] [--force] [--trust-images]
  [--clock wall|continue] [--criu <path>] [--json] [--criu-option=<option>]...
  [-- <args>...]`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "timeout-ms": { type: "string", default: "10000" },
      force: { type: "boolean", default: false },
      "trust-images": { type: "boolean", default: false },
      clock: { type: "string" },
      criu: { type: "string" },
      "criu-option": { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return console.log(usage);
  const [imagesDir, ...args] = positionals;
  const { clock, criu, force, json } = values;
  if (imagesDir === undefined) throw new UsageError(usage);
  const result = await command(criu === undefined ? {} : { criu }).restore({
    imagesDir,
    force,
    trustImages: values["trust-images"],
    timeoutMs: Number(values["timeout-ms"]),
    criuOptions: parseArguments(values["criu-option"]),
    onProblem: ({ what, cure }) => console.error(`restore.ts: ${what}. ${cure}`),
    ...(clock === undefined ? {} : { clock: clock as "continue" | "wall" }),
    ...(args.length > 0 ? { launch: { args } } : {}),
  });
  if (result.processes.some(({ errors }) => errors.length > 0)) process.exitCode = 4;
  if (json) return console.log(JSON.stringify(result));
  console.log(`${chalk.green("restored")} ${result.pid} in ${result.restoreMs.toFixed(0)} ms`);
  for (const { pid, outcome = "no outcome", generation, errors } of result.processes) {
    console.log(
      `  process ${pid}: ${errors.map(describeFailure).join("; ") || `${outcome}, generation ${generation}`}`,
    );
  }
}

try {
  await main();
} catch (error) {
  const { message, code = "" } = error as Error & { code?: string };
  console.error(`restore.ts: ${message}`);
  process.exitCode = error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS") ? 2 : 1;
}
