import { readdirSync } from "node:fs";
import type { Command } from "commander";
import type { Blocker } from "../blockers/mod.ts";
import type { CriuOptions } from "../criu/options.ts";
import { exitCodes } from "./exit_codes.ts";
import { paint } from "./paint.ts";
import { type Report, reporting } from "./report.ts";
import { positive, subcommand } from "./subcommand.ts";
import { count } from "./units.ts";
import { wrap } from "./wrap.ts";

/** `criu-aware inspect` */
export function inspect(): Command {
  return subcommand("inspect", "show what would make a dump of a tree fail, and the cure", [
    "criu-aware inspect 1234",
    "criu-aware inspect 1234 -- --tcp-close",
  ])
    .argument("<pid>", "the root of the tree", positive)
    .argument("[criu-options...]", "after --: the options of CRIU that the dump would have")
    .addHelpText("after", "\nExit code 0: nothing blocks. 1: something does.")
    .action(reporting(runInspect));
}

async function runInspect(pid: number, criuArguments: string[]): Promise<Report> {
  const { parseArguments, flagOf } = await import("../criu/options.ts");
  const { UsageError } = await import("../criu/usage_error.ts");
  const { processTree } = await import("../ffi/process_tree.ts");
  const { findBlockers, otherSide } = await import("../blockers/mod.ts");
  const criuOptions = parseArguments(criuArguments);
  const pids = processTree(pid);
  if (pids.length === 0) throw new UsageError(`There is no process ${pid}.`);
  for (const member of pids) requireSight(member);
  const blockers = await findBlockers(pids, { criuOptions });
  const blocking = blockers.filter((blocker) => blocker.blocking);
  const still = await standingStill(pids);
  const tree = pids.length === 1 ? `process ${pid}` : `the ${pids.length} processes of the tree of ${pid}`;
  const verdict =
    blocking.length + still.length === 0
      ? paint("green", `Nothing of ${tree} blocks a dump.`)
      : paint("red", `${count(blocking.length + still.length, "thing")} of ${tree} would make a dump fail.`);
  const texts = blockers.map((blocker) => asText(blocker, wordFor(blocker, criuOptions), otherSide(blocker), flagOf));
  return {
    value: { pids, blockers, standstill: still, blocked: blocking.length + still.length > 0 },
    text: [
      ...still.map(({ pid, why }) => `${paint("red", "blocks ")}  process ${pid}: ${why}`),
      ...texts,
      ...(texts.length + still.length > 0 ? [""] : []),
      verdict,
    ].join("\n"),
    exitCode: blocking.length + still.length === 0 ? exitCodes.done : exitCodes.failed,
  };
}

/** The attached processes that could not answer a notice. */
async function standingStill(pids: readonly number[]): Promise<{ pid: number; why: string }[]> {
  const { listAttached } = await import("../driver/status.ts");
  const { describeStandstill } = await import("../driver/paused.ts");
  const attached = await listAttached(pids);
  return attached.flatMap(({ pid, standstill }) =>
    standstill ? { pid, why: describeStandstill(standstill, pid) } : [],
  );
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

type FlagOf = (name: Blocker["cure"]["options"][number]) => string;

/** What a blocker means for a dump with these options. */
function wordFor({ blocking, cure }: Blocker, given: CriuOptions): string {
  if (blocking) return paint("red", "blocks ");
  return cure.options.some((option) => given[option]) ? paint("green", "cured  ") : paint("yellow", "warning");
}

function asText(blocker: Blocker, word: string, other: string, flagOf: FlagOf): string {
  const { pid, fd, what, cure } = blocker;
  const place = fd === undefined ? `process ${pid}` : `process ${pid}, fd ${fd}`;
  const indent = " ".repeat(9);
  const flags = cure.options.length > 0 ? `with ${cure.options.map(flagOf).join(" or ")}; or ` : "";
  return [
    `${word}  ${wrap(`${place}: ${what}${other ? ` (${other})` : ""}`, indent).trimStart()}`,
    wrap(`${flags}${cure.advice}`, `${indent}  `, `${indent}→ `),
  ].join("\n");
}
