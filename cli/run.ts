import { closeSync, existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { printable } from "../ffi/printable.ts";
import { aliveSince } from "../ffi/process.ts";
import { type EngineFlags, pickEngine, withEngineFlags } from "./engine.ts";
import { exitCodes } from "./exit_codes.ts";
import { relaySignals } from "./foreground.ts";
import { lastWords } from "./last_words.ts";
import { defaultLog, type Launched, launch, openLog } from "./launch.ts";
import { messageOf, type Report, reporting, say } from "./report.ts";
import { positive, subcommand } from "./subcommand.ts";

interface Flags extends EngineFlags {
  readonly log?: string;
  readonly foreground?: boolean;
  readonly wait?: boolean;
  readonly timeoutMs: number;
  readonly restoreOrStart?: string;
  readonly trustImages?: boolean;
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
  const program = await restoreOrStart(command, log, flags).catch((error) => {
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

/** How a program came to run. */
interface Running extends Launched {
  /** What is wrong with it since it was restored. */
  readonly problems: readonly string[];
  readonly how: "started" | "restored";
  /** Why it was not restored, when it should have been. */
  readonly why?: string;
}

async function restoreOrStart(command: string[], log: string, flags: Flags): Promise<Running> {
  const { restoreOrStart: imagesDir } = flags;
  const restored = imagesDir === undefined ? undefined : await tryRestore(imagesDir, log, flags);
  if (typeof restored === "object") return { ...restored, how: "restored" };
  if (restored !== undefined) say(`criu-aware run: not restored: ${restored}`);
  const started = await launch(command, log);
  if (flags.wait) await awaitAttached(started, log, flags.timeoutMs);
  return { ...started, how: "started", problems: [], ...(restored === undefined ? {} : { why: restored }) };
}

/** The restored program, or why there is none. */
async function tryRestore(
  imagesDir: string,
  log: string,
  flags: Flags,
): Promise<(Launched & Pick<Running, "problems">) | string> {
  if (!existsSync(join(imagesDir, "inventory.img"))) return `there is no image in ${printable(imagesDir)}`;
  const { timeoutMs, trustImages = false } = flags;
  // It may have been removed since the dump (rotated logs), and its size does not matter.
  closeSync(openLog(log));
  const { openLibc } = await import("../ffi/libc.ts");
  const { adoptOrphans, awaitEnd } = await import("../ffi/subreaper.ts");
  const libc = await openLibc();
  try {
    const engine = await pickEngine(flags);
    using _ = flags.foreground ? adoptOrphans(libc) : undefined;
    const { pid, processes } = await engine.restore({ imagesDir, timeoutMs, trustImages });
    const problems = processes.flatMap((process) =>
      process.problems.map((problem) => `process ${process.pid}: ${printable(problem)}`),
    );
    const ended = flags.foreground ? awaitEnd(libc, pid) : Promise.resolve(0);
    if (problems.length > 0 && aliveSince(pid) === undefined) return problems.join("; ");
    return { problems, pid, ended, release() {} };
  } catch (error) {
    return messageOf(error);
  }
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
