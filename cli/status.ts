import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { Command } from "commander";
import type { AttachedProcess } from "../driver/status.ts";
import { printable } from "../ffi/printable.ts";
import { paint } from "./paint.ts";
import { type Report, reporting } from "./report.ts";
import { positive, subcommand } from "./subcommand.ts";
import { wrap } from "./wrap.ts";

/** `criu-aware status` */
export function status(): Command {
  return subcommand("status", "show the attached processes of this host, or one of them", [
    "criu-aware status",
    "criu-aware status 1234",
    "criu-aware status --json",
  ])
    .argument("[pid]", "only this one, with all that it says", positive)
    .action(reporting(showStatus));
}

async function showStatus(pid: number | undefined): Promise<Report> {
  const { listAttached } = await import("../driver/status.ts");
  const processes = await listAttached(pid === undefined ? undefined : [pid]);
  if (pid === undefined) return { value: processes, text: await asTable(processes) };
  const [found] = processes;
  if (found) return { value: found, text: await asLines(found) };
  const { UsageError } = await import("../criu/usage_error.ts");
  const why = existsSync(`/proc/${pid}`)
    ? "its program does not call attach(), or has not come to it yet, or you are not its user"
    : "there is none with that pid";
  throw new UsageError(`Process ${pid} is not attached: ${why}.`);
}

const head = ["pid", "user", "state", "strategies", "generation", "outcome", "command"];

async function asTable(processes: readonly AttachedProcess[]): Promise<string> {
  if (processes.length === 0) return "No process is attached.";
  const { fitLast, table } = await import("./table.ts");
  const rows = processes.map((process) => [
    String(process.pid),
    userOf(process),
    [stateOf(process), process.standstill].filter(Boolean).join(", "),
    printable(strategiesOf(process).join(" "), LONGEST_CELL),
    String(process.generation),
    outcomeOf(process),
    shortCommandOf(process),
  ]);
  return table(head, fitLast(head, rows));
}

async function asLines(process: AttachedProcess): Promise<string> {
  const { describeStandstill } = await import("../driver/paused.ts");
  const { describeFailure } = await import("../driver/rebuilt.ts");
  const { pid, lastOutcome, errors, refusal, standstill, deaf, resources, generation } = process;
  const facts: Record<string, readonly string[]> = {
    pid: [String(pid)],
    user: [userOf(process)],
    command: [commandOf(process)],
    runtime: [printable(process.runtime, LONGEST_CELL)],
    state: [stateOf(process)],
    ...(process.atPoint
      ? {
          "at its point": [
            `dump it: criu-aware dump --at-point ${pid} -D DIR`,
            `or let it go on: criu-aware notify ${pid} --tell aborted`,
          ],
        }
      : {}),
    ...(standstill ? { standstill: [describeStandstill(standstill, pid)] } : {}),
    strategies: [listed(process.strategies)],
    ...(deaf.length > 0 ? { deaf: [`${listed(deaf)}: its handler was taken away after attach()`] } : {}),
    resources: [listed(resources)],
    generation: [`${generation} (how many times it was restored)`],
    "last outcome": [lastOutcome ?? "none yet"],
    ...(errors.length > 0 ? { "not rebuilt": firstOf(errors.map(describeFailure)) } : {}),
    ...(refusal.length > 0 ? { refused: firstOf(refusal) } : {}),
  };
  return Object.entries(facts)
    .flatMap(([name, texts]) => labelled(name, texts))
    .join("\n");
}

// A page may say thousands of things, each of them thousands of characters long.
const LONGEST_CELL = 40;
const LONGEST_TEXT = 400;
const MOST_TEXTS = 16;

function firstOf(texts: readonly string[]): string[] {
  const shown = texts.slice(0, MOST_TEXTS).map((text) => printable(text, LONGEST_TEXT));
  return texts.length > MOST_TEXTS ? [...shown, `and ${texts.length - MOST_TEXTS} more; --json shows all`] : shown;
}

function listed(names: readonly string[]): string {
  return firstOf(names).join(", ") || "none";
}

function labelled(name: string, texts: readonly string[]): string {
  const indent = " ".repeat(14);
  // The cure of a standstill has a command to copy: it stays in one line.
  const [first = "", ...others] = texts.map((text) => (name === "standstill" ? text : wrap(text, indent)));
  return [`${paint("dim", name.padEnd(13))} ${first.trimStart()}`, ...others].join("\n");
}

function strategiesOf({ strategies, deaf }: AttachedProcess): string[] {
  return strategies.map((kind) => (deaf.includes(kind) ? `${kind} (deaf)` : kind));
}

function outcomeOf({ lastOutcome, errors }: AttachedProcess): string {
  const outcome = lastOutcome ?? "-";
  return errors.length > 0 ? `${outcome}, in part` : outcome;
}

function userOf({ uid, user }: AttachedProcess): string {
  return printable(user ?? uid, LONGEST_CELL);
}

function stateOf({ state, atPoint }: AttachedProcess): string {
  return atPoint ? "at its point" : state;
}

/** Without the directory of the program, which would leave no room for what it runs. */
function shortCommandOf({ command: [program = "", ...args] }: AttachedProcess): string {
  return printable([basename(program), ...args].join(" "), LONGEST_TEXT) || "-";
}

function commandOf({ command }: AttachedProcess): string {
  return printable(command.join(" "), LONGEST_TEXT) || "-";
}
