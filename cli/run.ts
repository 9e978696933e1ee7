import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { UsageError } from "../criu/usage_error.ts";
import { openLauncherNote } from "../driver/launcher.ts";
import { ignoredSignals } from "../ffi/ignored_signals.ts";
import { printable } from "../ffi/printable.ts";
import type { Milestone } from "./await_program.ts";
import { clockOption } from "./clock.ts";
import { withEngineFlags } from "./engine.ts";
import { exitCodes } from "./exit_codes.ts";
import { relaySignals } from "./foreground.ts";
import { defaultLog, type Launched, launch, openLog } from "./launch.ts";
import type { ProgramOutput } from "./output.ts";
import { type Report, reporting, say } from "./report.ts";
import { requireProgram } from "./require_program.ts";
import { type RestoreFlags, restoreOrStart } from "./restore_or_start.ts";
import { collect, positive, subcommand, withCriuOptions } from "./subcommand.ts";
import { wrap } from "./wrap.ts";

interface Flags extends RestoreFlags {
  readonly log?: string;
  readonly wait?: boolean;
  readonly waitPoint?: boolean;
  readonly json?: boolean;
}

/** `criu-aware run` */
export function run(): Command {
  const command = subcommand("run", "start a program so that it can be dumped, and print its pid", [
    "criu-aware run -- bun app.ts",
    "pid=$(criu-aware run --wait --log /var/log/app.log -- deno run -A app.ts)",
    "criu-aware run --wait-point --timeout-ms 60000 -- bun app.ts",
    "criu-aware run --foreground --restore-or-start images -- bun app.ts",
  ])
    .argument("<command...>", "the program and its arguments")
    .option("--log <file>", "add its output to this file (default: ./NAME.log, or as --foreground says)")
    .option("--wait", "wait until it is attached")
    .option("--wait-point", "wait until it is at its point, agent.point(): a dump finds it ready there")
    .option("--foreground", "stay until it ends; pass its output on, and signals to it")
    .option("--restore-or-start <dir>", "restore the image in this directory when there is one that fits")
    .option("--depends <file>", "start when this file or pattern has changed since the dump; may be repeated", collect)
    .addOption(
      new Option("--recovery <how>", "when a resource cannot be rebuilt: end it and start anew, or keep it")
        .choices(["strict", "keep"])
        .default("strict"),
    )
    .addOption(clockOption())
    .option("--lazy", "let a restored program run before its memory is read: it comes as it is used (userfaultfd)")
    .option("--trust-images", "restore images that others may write or replace: they decide what runs")
    .option("--timeout-ms <ms>", "how long --wait, --wait-point and a restore may take", positive, 10_000)
    .passThroughOptions()
    .addHelpText("after", notes.join("\n"));
  return withCriuOptions(withEngineFlags(command), "an option of CRIU itself for the restore; may be repeated").action(
    reporting(runProgram),
  );
}

const notes = [
  "The program gets a session of its own, no terminal and /dev/null as its input. Its output is added to a log, which may grow " +
    "after a dump: CRIU does not compare the size of a file that is open for appending only. Deno's own caches hold file locks: " +
    "DENO_DIR, unless you set it, is one with your modules and without locks.",
  "With --foreground and without --log, the output goes where that of this command goes, also after a restore. Signals go to the " +
    "program: TERM, INT, HUP, QUIT, USR1, USR2; Ctrl-Z stops it as well. After a dump that ends the program the exit code is 0. " +
    "Killed by SIGKILL, this command cannot end the program, which goes on, its output unread.",
  "As the start command of a service: --foreground --restore-or-start DIR. The image is kept: every start goes on from the same " +
    "moment. It is restored only when it is of the same command in the same directory, and its runtime, scripts, their modules, " +
    "lock files and settings are what they were. Use --depends to name anything else that counts. A program with environment() of " +
    "criu-aware/resources/environment gets the arguments and variables of now.",
].map((paragraph) => `\n${wrap(paragraph, "")}`);

/** 128 + SIGKILL: as a dump ends a program. */
const KILLED = 137;

async function runProgram(command: string[], flags: Flags): Promise<Report> {
  const forRestore = flags.criuOption ? "--criu-option" : flags.lazy ? "--lazy" : flags.clock && "--clock";
  if (forRestore && flags.restoreOrStart === undefined) {
    throw new UsageError(`${forRestore} is for a restore: give --restore-or-start DIR as well.`);
  }
  const { parseArguments } = await import("../criu/options.ts");
  parseArguments(flags.criuOption ?? []);
  requireProgram(command);
  const output = await outputOf(command, flags);
  if (flags.restoreOrStart !== undefined) {
    const { stepAside } = await import("./step_aside.ts");
    await stepAside(flags.restoreOrStart, flags.trustImages);
  }
  // Before this process handles any signal itself.
  const ignored = ignoredSignals();
  // From now on: a service may be stopped while it starts.
  const relay = flags.foreground ? relaySignals(ignored) : undefined;
  const note = flags.foreground ? await openLauncherNote() : undefined;
  const start = async (): Promise<Launched> => {
    const started = await launch(command, output.open(), ignored);
    const milestone: Milestone | undefined = flags.waitPoint ? "at its point" : flags.wait ? "attached" : undefined;
    if (milestone) await (await import("./await_program.ts")).awaitProgram(started, milestone, output, flags.timeoutMs);
    return started;
  };
  const program = await restoreOrStart(command, start, output, flags).catch((error) => {
    relay?.[Symbol.dispose]();
    throw error;
  });
  const { pid, ended, release, ...facts } = program;
  if (!relay) release();
  relay?.passTo(pid);
  for (const error of facts.errors) say(`criu-aware run: restored in part only: ${error}`);
  const { log } = output;
  // Without a log stdout belongs to the program. A restore was told with its dump.
  if (log === undefined && facts.how === "started") say(`criu-aware run: started process ${pid}`);
  const afterwards = async (): Promise<number> => {
    const exitCode = await ended.finally(() => relay?.[Symbol.dispose]());
    await output.finish();
    const images = exitCode === KILLED ? await note?.dumpedTo() : undefined;
    if (images === undefined) return exitCode;
    const path = printable(images);
    say(`criu-aware run: dumped to ${path}; it ends here. Restore it with: criu-aware restore ${path}`);
    return exitCodes.done;
  };
  return {
    value: { pid, log, ...facts },
    text: log === undefined ? "" : String(pid),
    exitCode: facts.errors.length > 0 ? exitCodes.inPart : exitCodes.done,
    ...(relay ? { afterwards } : {}),
  };
}

async function outputOf(command: readonly string[], { log, foreground, json }: Flags): Promise<ProgramOutput> {
  const { openRelay, toLog, toOwnStreams } = await import("./output.ts");
  if (log === "-") {
    throw new UsageError(
      "--log wants a file. For output that goes where that of this command goes, give --foreground and no --log.",
    );
  }
  if (!foreground) return toLog(resolve(log ?? defaultLog(command)));
  if (log !== undefined) {
    const path = resolve(log);
    const fd = openLog(path);
    return toLog(path, await openRelay({ stdout: fd, stderr: fd }));
  }
  if (json) throw new UsageError("With --foreground stdout is the program's: give --log FILE with --json.");
  return toOwnStreams(await openRelay({ stdout: 1, stderr: 2 }));
}
