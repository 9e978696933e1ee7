import { resolve } from "node:path";
import type { Command } from "commander";
import type { ProblemKind } from "../images/problem.ts";
import { cancelOnSignal } from "./cancel.ts";
import { clockOption } from "./clock.ts";
import { type EngineFlags, pickEngine, withEngineFlags } from "./engine.ts";
import { exitCodes } from "./exit_codes.ts";
import { forceHelp, readForce } from "./force.ts";
import { readLabel } from "./labels.ts";
import { type LaunchFlags, readLaunchFlags, withLaunchFlags } from "./launch_flags.ts";
import { paint } from "./paint.ts";
import { memoryOf, showProgress } from "./progress.ts";
import { type Report, reporting, say } from "./report.ts";
import { type CriuFlags, positive, subcommand, withCriuOptions } from "./subcommand.ts";
import { traceTo } from "./trace_to.ts";
import { bytes, duration } from "./units.ts";

interface Flags extends EngineFlags, LaunchFlags, CriuFlags {
  readonly timeoutMs: number;
  readonly force?: true | readonly ProblemKind[];
  readonly workDir?: string;
  readonly trustImages?: boolean;
  readonly lazy?: boolean;
  readonly cuda?: boolean;
  readonly gpu?: Readonly<Record<string, string>>;
  readonly clock?: "continue" | "wall";
  readonly trace?: string;
}

/** `criu-aware restore` */
export function restore(): Command {
  const command = subcommand("restore", "restore a dumped tree, and wait until its apps are rebuilt", [
    "criu-aware restore images",
    "criu-aware restore images --json",
    "criu-aware restore images --env LOG_LEVEL=debug --env-file .env -- --port 8080",
    "criu-aware restore images --criu-option --tcp-close",
  ]).argument("<dir>", "where the images are");
  withLaunchFlags(command)
    .option("--timeout-ms <ms>", "how long to wait for a pid that is taken, and for the apps", positive, 10_000)
    .option("--lazy", "let the apps run before their memory is read: it comes as they use it (userfaultfd)")
    .addOption(clockOption())
    .option("--cuda", "take back from NVIDIA's driver what a dump with --cuda handed to it")
    .option("--gpu <old=new>", "with --cuda: UUIDs of a GPU and of its replacement; each that was in use", readLabel)
    .option("--force [kinds]", forceHelp, readForce)
    .option("--work-dir <dir>", "where CRIU's log goes (default: a temporary directory, kept when the restore fails)")
    .option("--trust-images", "restore images that others may write or replace: they decide what runs")
    .option("--trace <file>", "write the phases, for Perfetto (ui.perfetto.dev)");
  return withCriuOptions(withEngineFlags(command)).action(reporting(runRestore));
}

const consequences = {
  cancelled: "nothing was restored",
  left: "what is only half restored is ended, what runs goes on",
};

async function runRestore(imagesDir: string, args: string[], flags: Flags): Promise<Report> {
  const { parseArguments } = await import("../criu/options.ts");
  const criuOptions = parseArguments(flags.criuOption ?? []);
  const launch = readLaunchFlags(flags, args);
  const { stepAside } = await import("./step_aside.ts");
  await stepAside(imagesDir, flags.trustImages);
  const engine = await pickEngine(flags);
  using progress = showProgress("restore", () => memoryOf(imagesDir, flags.trustImages));
  using cancel = cancelOnSignal(consequences, progress.makeRoom);
  const { timeoutMs, force = false, trustImages = false, lazy = false, workDir, gpu, clock } = flags;
  const cuda = gpu ? { gpus: gpu } : flags.cuda;
  const trace = await traceTo(flags.trace, progress.onPhase);
  const result = await engine.restore({
    imagesDir,
    force,
    trustImages,
    lazy,
    timeoutMs,
    criuOptions,
    ...(launch ? { launch } : {}),
    ...(cuda ? { cuda } : {}),
    ...(workDir === undefined ? {} : { workDir }),
    ...(clock === undefined ? {} : { clock }),
    signal: cancel.signal,
    onProblem: ({ what, cure }) => say(`criu-aware restore: ${what}. ${cure}`),
    onPhase: trace?.onPhase ?? progress.onPhase,
  });
  trace?.write(imagesDir, result.processes, result.stats);
  const { describeFailure } = await import("../driver/rebuilt.ts");
  const lines = result.processes.map(
    ({ pid, outcome = "no outcome", generation, errors }) =>
      `  process ${pid}: ${errors.map(describeFailure).join("; ") || `${outcome}, generation ${generation}`}`,
  );
  const isWhole = result.processes.every(({ errors }) => errors.length === 0);
  const verdict = isWhole ? paint("green", "restored") : paint("red", "restored in part only:");
  return {
    value: { ...result, imagesDir: resolve(imagesDir) },
    text: [
      `${verdict} ${result.pid} in ${duration(result.restoreMs)}, ${bytes(result.bytes)} of memory`,
      ...lines,
    ].join("\n"),
    exitCode: isWhole ? exitCodes.done : exitCodes.inPart,
  };
}
