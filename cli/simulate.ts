import type { Command } from "commander";
import { exitCodes } from "./exit_codes.ts";
import { type LaunchFlags, readLaunchFlags, withLaunchFlags } from "./launch_flags.ts";
import { paint } from "./paint.ts";
import { type Report, reporting, warn } from "./report.ts";
import { type NoticeFlags, positive, subcommand, withNoticeFlags } from "./subcommand.ts";
import { duration } from "./units.ts";

/** `criu-aware simulate` */
export function simulate(): Command {
  const command = subcommand("simulate", "play a dump and a restore without CRIU; the apps take part", [
    "criu-aware simulate 1234",
    "criu-aware simulate 1234 --strategy socket --json",
    "criu-aware simulate 1234 --env LOG_LEVEL=debug -- --port 8080",
  ]).argument("<pid>", "the root of the tree", positive);
  return withNoticeFlags(withLaunchFlags(command)).action(reporting(runSimulation));
}

async function runSimulation(pid: number, args: string[], flags: NoticeFlags & LaunchFlags): Promise<Report> {
  const { strategy, atPoint = false, timeoutMs, leaseMs } = flags;
  const launch = readLaunchFlags(flags, args);
  const { requireAttached } = await import("./pages.ts");
  if (!atPoint) await requireAttached(pid);
  const { simulate } = await import("../driver/simulate.ts");
  const { describeFailure } = await import("../driver/rebuilt.ts");
  const { encodeLaunch } = await import("../driver/launch.ts");
  // What is wrong with it is to disturb no app.
  if (launch) encodeLaunch(launch);
  const engine = simulate();
  // Names the simulation; nothing is written.
  const imagesDir = `/simulated/${pid}`;
  const dump = await engine.dump({ ...(strategy ? { strategy } : {}), atPoint, timeoutMs, leaseMs, pid, imagesDir });
  warn("simulate", dump.warnings);
  const restore = await engine.restore({ imagesDir, timeoutMs, ...(launch ? { launch } : {}) });
  const lines = restore.processes.map(({ pid, outcome = "no outcome", round, errors }) => {
    const { noticedAt, readyAt, releasedAt, recoveredAt } = round ?? {};
    const spans = [span("prepared in", noticedAt, readyAt), span("rebuilt in", releasedAt, recoveredAt)];
    return `  process ${pid}: ${errors.map(describeFailure).join("; ") || [outcome, ...spans.flat()].join(", ")}`;
  });
  return {
    value: { dump, restore },
    text: [`${paint("green", "simulated")} a dump and a restore of ${pid}`, ...lines].join("\n"),
    exitCode: restore.processes.some(({ errors }) => errors.length > 0) ? exitCodes.inPart : exitCodes.done,
  };
}

function span(name: string, from: number | undefined, to: number | undefined): string[] {
  return from === undefined || to === undefined ? [] : [`${name} ${duration(to - from)}`];
}
