#!/usr/bin/env bun
/**
 * Dumps a process tree; every attached process in it is told first. Copy it and change what you like: it needs criu-aware and zx. Its
 * options are those of `criu-aware dump`.
 */
import { parseArgs } from "node:util";
import { command, DumpRefusedError, parseArguments, type StrategyName, UsageError } from "criu-aware/driver";
import { chalk } from "zx";

const usage = `Usage: dump.ts <pid> -D <dir> [--leave-running] [--unaware] [--trust-images]
  [--strategy signal|socket|file] [--timeout-ms 10000] [--lease-ms 5000]
  [--criu <path>] [--json] [--criu-option=<option>]...`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "images-dir": { type: "string", short: "D" },
      "leave-running": { type: "boolean", default: false },
      unaware: { type: "boolean", default: false },
      "trust-images": { type: "boolean", default: false },
      strategy: { type: "string" },
      "timeout-ms": { type: "string", default: "10000" },
      "lease-ms": { type: "string", default: "5000" },
      criu: { type: "string" },
      "criu-option": { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return console.log(usage);
  const [pid] = positionals;
  const { "images-dir": imagesDir, strategy, criu, json } = values;
  if (pid === undefined || imagesDir === undefined) throw new UsageError(usage);
  const result = await command(criu === undefined ? {} : { criu }).dump({
    pid: Number(pid),
    imagesDir,
    leaveRunning: values["leave-running"],
    unaware: values.unaware,
    trustImages: values["trust-images"],
    timeoutMs: Number(values["timeout-ms"]),
    leaseMs: Number(values["lease-ms"]),
    criuOptions: parseArguments(values["criu-option"]),
    ...(strategy === undefined ? {} : { strategy: strategy as StrategyName }),
  });
  if (json) return console.log(JSON.stringify(result));
  const held = `${result.pids.length} told, held after ${result.noticeToReadyMs.toFixed(1)} ms`;
  console.log(`${chalk.green("dumped")} ${pid} into ${imagesDir} in ${result.dumpMs.toFixed(0)} ms (${held})`);
}

try {
  await main();
} catch (error) {
  const { message, code = "" } = error as Error & { code?: string };
  console.error(`dump.ts: ${message}`);
  const isUsage = error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS");
  process.exitCode = isUsage ? 2 : error instanceof DumpRefusedError ? 3 : 1;
}
