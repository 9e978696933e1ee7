import { resolve } from "node:path";
import type { Command } from "commander";
import { printable } from "../ffi/printable.ts";
import type { Digests } from "../images/digest.ts";
import { cancelOnSignal } from "./cancel.ts";
import { type EngineFlags, pickEngine, withEngineFlags } from "./engine.ts";
import { exitCodes } from "./exit_codes.ts";
import { type Labels, readLabel } from "./labels.ts";
import { paint } from "./paint.ts";
import { pagesOf, showProgress } from "./progress.ts";
import { type Report, reporting, warn } from "./report.ts";
import {
  type CriuFlags,
  collect,
  type NoticeFlags,
  positive,
  subcommand,
  withCriuOptions,
  withNoticeFlags,
} from "./subcommand.ts";
import { traceTo } from "./trace_to.ts";
import { count, duration } from "./units.ts";

interface Flags extends NoticeFlags, EngineFlags, CriuFlags {
  readonly json?: boolean;
  readonly imagesDir: string;
  readonly leaveRunning?: boolean;
  readonly workDir?: string;
  readonly trustImages?: boolean;
  readonly unaware?: boolean;
  readonly cuda?: boolean;
  readonly ignore?: readonly string[];
  readonly depends?: readonly string[];
  readonly fullDigests?: boolean;
  readonly label?: Labels;
  readonly trace?: string;
}

/** `criu-aware dump` */
export function dump(): Command {
  const command = subcommand("dump", "dump a process tree; every attached process in it is told first", [
    "criu-aware dump 1234 -D images",
    "criu-aware dump 1234 -D images --leave-running --label version=7",
    "criu-aware dump 1234 -D images --at-point --timeout-ms 60000",
    "criu-aware dump 1234 -D images --criu-option --tcp-close",
  ])
    .argument("<pid>", "the root of the tree", positive)
    .requiredOption("-D, --images-dir <dir>", "where the images go: a new or empty directory")
    .option("--trust-images", "use the directory also when others may read or replace what is in it")
    .option("--work-dir <dir>", "where CRIU's log goes (default: a temporary directory, kept when the dump fails)")
    .option("--leave-running", "the tree goes on after the dump")
    .option("--cuda", "let NVIDIA's driver move GPU memory and close its device files (driver 570 or newer)")
    .option("--unaware", "dump also when no process of the tree is attached")
    .option("--ignore <blocker>", "a kind, or a part of its text, that need not be cured; may be repeated", collect)
    .option("--full-digests", "digest the memory, too: slower, and a restore then notices any change in it")
    .option("--depends <file>", "a file or pattern that run --restore-or-start compares; may be repeated", collect)
    .option("--label <name=value>", "kept beside the images; may be repeated", readLabel)
    .option("--trace <file>", "write the phases, for Perfetto (ui.perfetto.dev)");
  return withCriuOptions(withEngineFlags(withNoticeFlags(command))).action(reporting(runDump));
}

const consequences = {
  cancelled: "every app goes on, and there is no image",
  left: "CRIU sees that its driver is gone, gives up, and lets the apps go on",
};

async function runDump(pid: number, flags: Flags): Promise<Report> {
  const { parseArguments } = await import("../criu/options.ts");
  const criuOptions = parseArguments(flags.criuOption ?? []);
  const engine = await pickEngine(flags);
  const { imagesDir, leaveRunning = false } = flags;
  using progress = showProgress("dump", () => pagesOf(pid, imagesDir));
  using cancel = cancelOnSignal(consequences, progress.makeRoom);
  const trace = await traceTo(flags.trace, progress.onPhase);
  const { label: labels = {}, fullDigests, criuOption, engine: _, criu, trace: file, json, ...rest } = flags;
  const digests: Digests = fullDigests ? "full" : "quick";
  const options = {
    ...rest,
    labels,
    digests,
    pid,
    criuOptions,
    signal: cancel.signal,
    onPhase: trace?.onPhase ?? progress.onPhase,
  };
  const result = await engine.dump(options);
  trace?.write(imagesDir, result.processes);
  warn("dump", result.warnings);
  const { pids, noticeToReadyMs, dumpMs } = result;
  const told =
    pids.length === 0
      ? "none of its processes is attached"
      : `${count(pids.length, "process", "processes")} told, held after ${duration(noticeToReadyMs)}`;
  const { describeFailure } = await import("../driver/rebuilt.ts");
  const incomplete = result.processes.filter(({ errors }) => errors.length > 0);
  const goesOn = incomplete.length > 0 ? paint("red", "it goes on in part only:") : "it goes on";
  const lines = incomplete.map(({ pid, errors }) => `\n  process ${pid}: ${errors.map(describeFailure).join("; ")}`);
  return {
    value: { ...result, imagesDir: resolve(imagesDir) },
    text: `${paint("green", "dumped")} ${pid} into ${printable(imagesDir)} in ${duration(dumpMs)} (${told}); ${leaveRunning ? goesOn : "it has ended"}${lines.join("")}`,
    exitCode: incomplete.length > 0 ? exitCodes.inPart : exitCodes.done,
  };
}
