import { resolve } from "node:path";
import type { Command } from "commander";
import { withEngineFlags } from "./engine.ts";
import { exitCodes } from "./exit_codes.ts";
import { relaySignals } from "./foreground.ts";
import { lastWords } from "./last_words.ts";
import { defaultLog, type Launched, launch } from "./launch.ts";
import { messageOf, type Report, reporting, say } from "./report.ts";
import { type RestoreFlags, restoreOrStart } from "./restore_or_start.ts";
import { positive, subcommand } from "./subcommand.ts";

interface Flags extends RestoreFlags {
  readonly log?: string;
  readonly wait?: boolean;
}

/** `criu-aware run` */
export function run(): Command {
  const command = subcommand("run", "start a program so that it can be dumped, and print its pid", [
    "criu-aware run -- bun app.ts",
    "pid=$(criu-aware run --wait --log /var/log/app.log -- deno run -A app.ts)",
    "criu-aware run --foreground --restore-or-start images -- bun app.ts",
  ])
    .argument("<command...>", "the program and its arguments")
    .option("--log <file>", "its output is added to this file (default: ./NAME.log)")
    .option("--wait", "wait until it is attached")
    .option("--foreground", "stay until it ends, and pass signals on to it")
    .option("--restore-or-start <dir>", "restore the image in this directory when there is one that fits")
    .option("--trust-images", "restore images that others may write or replace: they decide what runs")
    .option("--timeout-ms <ms>", "how long --wait and a restore may take", positive, 10_000)
    .passThroughOptions()
    .addHelpText("after", notes);
  return withEngineFlags(command).action(reporting(runProgram));
}

const notes = `
The program gets a session of its own, no terminal, /dev/null as its input, and
a log that may grow after a dump: CRIU does not compare the size of a file that
is open for appending only. Deno's caches hold file locks, so DENO_DIR is
/dev/null/none unless you set it; then dump the program with: -- --file-locks

As the start command of a service: --foreground --restore-or-start DIR. The
image is kept: every start goes on from the same moment.`;

async function runProgram(command: string[], flags: Flags): Promise<Report> {
  if (flags.restoreOrStart !== undefined) {
    const { stepAside } = await import("./step_aside.ts");
    await stepAside(flags.restoreOrStart, flags.trustImages);
  }
  const log = resolve(flags.log ?? defaultLog(command));
  // From now on: a service may be stopped while it starts.
  const relay = flags.foreground ? relaySignals() : undefined;
  const start = async (): Promise<Launched> => {
    const started = await launch(command, log);
    if (flags.wait) await awaitAttached(started, log, flags.timeoutMs);
    return started;
  };
  const program = await restoreOrStart(start, log, flags).catch((error) => {
    relay?.[Symbol.dispose]();
    throw error;
  });
  const { pid, ended, release, ...facts } = program;
  if (!relay) release();
  relay?.passTo(pid);
  for (const problem of facts.problems) say(`criu-aware run: restored in part only: ${problem}`);
  return {
    value: { pid, log, ...facts },
    text: String(pid),
    exitCode: facts.problems.length > 0 ? exitCodes.failed : exitCodes.done,
    ...(relay ? { afterwards: () => ended.finally(() => relay[Symbol.dispose]()) } : {}),
  };
}

/** Waits until a process of the program's tree is attached. */
async function awaitAttached(program: Launched, log: string, timeoutMs: number): Promise<void> {
  const { openPages, closePages } = await import("./pages.ts");
  let exitCode: number | undefined;
  void program.ended.then((code) => {
    exitCode = code;
  });
  for (const end = performance.now() + timeoutMs; ; ) {
    try {
      return closePages(await openPages(program.pid));
    } catch (error) {
      if (exitCode !== undefined) {
        throw new Error(`It ended with exit code ${exitCode} before it was attached. ${lastWords(log)}`);
      }
      if (performance.now() > end) {
        program.release();
        throw new Error(`${messageOf(error)} It runs on: end it with kill ${program.pid}. ${lastWords(log)}`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
