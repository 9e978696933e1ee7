import { readdirSync } from "node:fs";
import type { Command } from "commander";
import type { Blocker } from "../blockers/mod.ts";
import type { CriuOptions } from "../criu/options.ts";
import { exitCodes } from "./exit_codes.ts";
import { paint } from "./paint.ts";
import { type Report, reporting } from "./report.ts";
import { type CriuFlags, positive, subcommand, withCriuOptions } from "./subcommand.ts";
import { count } from "./units.ts";
import { wrap } from "./wrap.ts";

/** `criu-aware inspect` */
export function inspect(): Command {
  const command = subcommand("inspect", "show what would make a dump of a tree fail, and the cure", [
    "criu-aware inspect 1234",
    "criu-aware inspect 1234 --criu-option --tcp-close",
  ])
    .argument("<pid>", "the root of the tree", positive)
    .option("--leave-running", "as for a dump after which the tree goes on")
    .addHelpText("after", "\nExit code 0: nothing blocks. 1: something does.");
  return withCriuOptions(command, "an option of CRIU that the dump would have; may be repeated").action(
    reporting(runInspect),
  );
}

const indent = " ".repeat(9);

interface Flags extends CriuFlags {
  readonly leaveRunning?: boolean;
}

async function runInspect(pid: number, { leaveRunning = false, criuOption = [] }: Flags): Promise<Report> {
  const { parseArguments } = await import("../criu/options.ts");
  const { UsageError } = await import("../criu/usage_error.ts");
  const { processTree } = await import("../ffi/process_tree.ts");
  const { byCure, findBlockers, otherSide } = await import("../blockers/mod.ts");
  const { listAttached } = await import("../driver/status.ts");
  const { dumpOptionsOf } = await import("../driver/defaults.ts");
  const { hintsOf } = await import("./inspect_hints.ts");
  const given = parseArguments(criuOption);
  const pids = processTree(pid);
  if (pids.length === 0) throw new UsageError(`There is no process ${pid}.`);
  for (const member of pids) requireSight(member);
  const criuOptions = await dumpOptionsOf(pid, given);
  const blockers = await findBlockers(pids, { criuOptions, leaveRunning });
  const blocking = blockers.filter((blocker) => blocker.blocking);
  const attached = await listAttached(pids);
  const { standstill, notes } = await hintsOf(pids, attached, blocking);
  const tree = pids.length === 1 ? `process ${pid}` : `the ${pids.length} processes of the tree of ${pid}`;
  const found = blocking.length + standstill.length;
  const verdict =
    found === 0
      ? paint("green", `Nothing of ${tree} blocks a dump.`)
      : paint("red", `${count(found, "thing")} of ${tree} would make a dump fail.`);
  const texts = [...byCure(blockers)].flatMap(([cure, things]) => [
    ...things.map((blocker) => asText(blocker, wordFor(blocker, criuOptions), otherSide(blocker))),
    wrap(cure, `${indent}  `, `${indent}→ `),
  ]);
  return {
    value: { pids, blockers, standstill, notes, blocked: found > 0 },
    text: [
      ...standstill.map(
        ({ pid, why }) => `${paint("red", "blocks ")}  ${wrap(`process ${pid}: ${why}`, indent).trimStart()}`,
      ),
      ...texts,
      ...(texts.length + standstill.length > 0 ? [""] : []),
      verdict,
      ...notes.map((note) => wrap(note, "")),
    ].join("\n"),
    exitCode: found === 0 ? exitCodes.done : exitCodes.failed,
  };
}

/** To find nothing without the right to look would mean nothing. */
function requireSight(pid: number): void {
  try {
    readdirSync(`/proc/${pid}/fd`);
  } catch (error) {
    if ((error as { code?: string }).code !== "EACCES") return;
    throw new Error(`Cannot look into process ${pid}: be root or its user.`, { cause: error });
  }
}

/** What a blocker means for a dump with these options. */
function wordFor({ blocking, cure }: Blocker, given: CriuOptions): string {
  if (blocking) return paint("red", "blocks ");
  return cure.options.some((option) => given[option]) ? paint("green", "cured  ") : paint("yellow", "warning");
}

function asText({ pid, fd, what }: Blocker, word: string, other: string): string {
  const place = fd === undefined ? `process ${pid}` : `process ${pid}, fd ${fd}`;
  return `${word}  ${wrap(`${place}: ${what}${other ? ` (${other})` : ""}`, indent).trimStart()}`;
}
