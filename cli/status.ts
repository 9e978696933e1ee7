import type { Command } from "commander";
import type { AttachedProcess } from "../driver/status.ts";
import { printable } from "../ffi/printable.ts";
import { paint } from "./paint.ts";
import { type Report, reporting } from "./report.ts";
import { positive, subcommand } from "./subcommand.ts";

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
  throw new UsageError(
    `Process ${pid} is not attached: there is none with that pid, its program does not call attach(), or you are not its user.`,
  );
}

async function asTable(processes: readonly AttachedProcess[]): Promise<string> {
  if (processes.length === 0) return "No process is attached.";
  const { table } = await import("./table.ts");
  const rows = processes.map(
    ({ pid, runtime, state, standstill, strategies, deaf, generation, lastOutcome = "-", errors }) => [
      pid,
      runtime,
      standstill ? `${state}, ${standstill}` : state,
      strategies.map((kind) => (deaf.includes(kind) ? `${kind} (deaf)` : kind)).join(" "),
      generation,
      errors.length > 0 ? `${lastOutcome}, in part only` : lastOutcome,
    ],
  );
  return table(["pid", "runtime", "state", "strategies", "generation", "last outcome"], rows);
}

async function asLines(process: AttachedProcess): Promise<string> {
  const { describeStandstill } = await import("../driver/paused.ts");
  const { describeFailure } = await import("../driver/rebuilt.ts");
  const { lastOutcome = "none yet", errors, refusal, standstill, deaf } = process;
  const facts = {
    pid: process.pid,
    runtime: printable(process.runtime, 200),
    state: process.state,
    ...(standstill ? { standstill: describeStandstill(standstill, process.pid) } : {}),
    strategies: process.strategies.join(", ") || "none",
    ...(deaf.length > 0 ? { deaf: `${deaf.join(", ")}: its handler was taken away after attach()` } : {}),
    resources: process.resources.join(", ") || "none",
    generation: `${process.generation} (how many times it was restored)`,
    "last outcome": lastOutcome,
    ...(errors.length > 0 ? { "not rebuilt": errors.map(describeFailure).join("\n              ") } : {}),
    ...(refusal.length > 0 ? { refused: refusal.join("\n              ") } : {}),
  };
  return Object.entries(facts)
    .map(([name, value]) => `${paint("dim", name.padEnd(13))} ${value}`)
    .join("\n");
}
