import type { Command } from "commander";
import { checkLines } from "./check.ts";
import { exitCodes } from "./exit_codes.ts";
import { paint } from "./paint.ts";
import { type Report, reporting } from "./report.ts";
import { subcommand } from "./subcommand.ts";

interface Flags {
  readonly criu?: string;
}

/** `criu-aware doctor` */
export function doctor(): Command {
  return subcommand("doctor", "say whether dumps work on this machine, and what to do if not", [
    "criu-aware doctor",
    "criu-aware doctor --criu /opt/criu/sbin/criu --json",
  ])
    .option("--criu <path>", "the criu to examine (default: that of the set-up, else the one on the PATH)")
    .action(reporting(examineAll));
}

async function examineAll({ criu }: Flags): Promise<Report> {
  const { examine } = await import("./doctor_checks.ts");
  const checks = await examine(criu);
  const works = checks.every(({ verdict }) => verdict !== "fails");
  const verdict = works ? paint("green", "Dumps work here.") : paint("red", "A dump could not work here.");
  return {
    value: { works, checks },
    text: [...checkLines(checks), "", verdict].join("\n"),
    exitCode: works ? exitCodes.done : exitCodes.failed,
  };
}
