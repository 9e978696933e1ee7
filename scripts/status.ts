#!/usr/bin/env bun
/**
 * Shows the attached processes of this host, or one of them. Copy it and change what you like: it needs criu-aware and zx. Its options
 * are those of `criu-aware status`.
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { listAttached, UsageError } from "criu-aware/driver";
import { chalk } from "zx";

const usage = "Usage: status.ts [pid] [--json]";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
  });
  if (values.help) return console.log(usage);
  const [pid] = positionals;
  const processes = await listAttached(pid === undefined ? undefined : [Number(pid)]);
  if (pid !== undefined && processes.length === 0) {
    const why = existsSync(`/proc/${pid}`)
      ? "its program does not call attach(), or has not come to it yet, or you are not its user"
      : "there is none with that pid";
    throw new UsageError(`Process ${pid} is not attached: ${why}.`);
  }
  if (values.json) return console.log(JSON.stringify(pid === undefined ? processes : processes[0]));
  if (processes.length === 0) return console.log("No process is attached.");
  for (const { pid, user, uid, runtime, state, strategies, generation, lastOutcome = "not dumped yet" } of processes) {
    const facts = [user ?? `uid ${uid}`, runtime, strategies.join(" "), `generation ${generation}`, lastOutcome];
    console.log(`${pid}  ${chalk.bold(state)}  ${facts.join(", ")}`);
  }
}

try {
  await main();
} catch (error) {
  const { message, code = "" } = error as Error & { code?: string };
  console.error(`status.ts: ${message}`);
  process.exitCode = error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS") ? 2 : 1;
}
