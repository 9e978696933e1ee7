import { type Command, Option } from "commander";
import { UsageError } from "../criu/usage_error.ts";
import { DumpRefusedError } from "../driver/engine.ts";
import { printable } from "../ffi/printable.ts";
import { paint } from "./paint.ts";
import { type Report, reporting, say, warn } from "./report.ts";
import { type NoticeFlags, positive, subcommand, withNoticeFlags } from "./subcommand.ts";
import { count, duration } from "./units.ts";

interface Flags extends NoticeFlags {
  readonly id?: string;
  readonly tell?: "continued" | "aborted";
  readonly failureAborts?: boolean;
  readonly json?: boolean;
}

/** `criu-aware notify` */
export function notify(): Command {
  const command = subcommand("notify", "tell apps that a dump comes, for a script that runs CRIU", [
    "mkdir images && criu-aware notify 1234 -- criu dump -t 1234 -D images -R",
    "id=$(criu-aware notify 1234 --lease-ms 60000)",
    "criu-aware notify 1234 --id $id --tell continued",
  ])
    .argument("<pid>", "the root of the tree", positive)
    .argument("[command...]", "after --: runs with the apps held; then they are told the outcome")
    .option("--failure-aborts", "when the command fails, there is certainly no image: tell aborted")
    .option("--id <id>", "the notice (default: a new UUID)")
    .addOption(
      new Option("--tell <outcome>", "end the hold of the notice --id, or of an app at its point").choices([
        "continued",
        "aborted",
      ]),
    )
    .addHelpText(
      "after",
      `
The command runs while the apps are held: above, CRIU, which lets them go on
(-R, --leave-running). Without a command the notice's id is printed once all
apps are ready. They then hold until --tell, or until the lease ends, which
counts as "continued". In doubt an image may exist: tell "aborted" only when it
certainly does not.`,
    );
  return withNoticeFlags(command).action(reporting(runNotify));
}

async function runNotify(pid: number, command: string[], flags: Flags): Promise<Report> {
  if (flags.tell !== undefined) return tell(pid, flags.id, flags.tell);
  if (flags.atPoint) {
    const { awaitPoint } = await import("../driver/at_point.ts");
    await awaitPoint(pid, flags);
  }
  const { requireAttached } = await import("./pages.ts");
  await requireAttached(pid);
  return command.length > 0 ? holdFor(pid, command, flags) : holdAlone(pid, flags);
}

/** Holds the apps while a command runs. */
async function holdFor(pid: number, command: readonly string[], flags: Flags): Promise<Report> {
  const { Participants } = await import("../driver/participants.ts");
  const { requireOther } = await import("../driver/root_of_tree.ts");
  // What the command dumps is this tree.
  requireOther(pid, "notify");
  using participants = await Participants.find(pid, await checkId(flags));
  const refusals = await participants.prepare();
  if (refusals.length > 0) throw new DumpRefusedError(refusals);
  warn("notify", participants.warnings);
  participants.mayBeDumped();
  const ended = await runCommand(command, flags.json === true, participants.noticeId);
  const failed = ended !== 0;
  const told = failed && flags.failureAborts ? "aborted" : "continued";
  const lostHolds = participants.lostHolds();
  participants.tell(told);
  warn("notify", lostHolds);
  const { noticeId, pids, takenAtPoint } = participants;
  return {
    value: { noticeId, pids, takenAtPoint, told, commandExitCode: ended, lostHolds },
    text: `${count(pids.length, "process", "processes")} held${atPoint(takenAtPoint)} while the command ran, ${failed ? paint("red", `which failed with ${ended}`) : "which succeeded"}; told: ${told}`,
    exitCode: failed || lostHolds.length > 0 ? 1 : 0,
  };
}

/** The notice is named to the command: an installed hook then knows that these apps are held for its CRIU. */
async function runCommand([program, ...args]: readonly string[], json: boolean, noticeId: string): Promise<number> {
  const { spawn } = await import("node:child_process");
  const { constants } = await import("node:os");
  const child = spawn(program as string, args, {
    stdio: ["inherit", json ? 2 : "inherit", "inherit"],
    env: { ...process.env, CRIU_AWARE_NOTICE: noticeId },
  });
  return new Promise((resolve) => {
    child.once("error", (error) => {
      say(`criu-aware notify: ${printable(program)} does not start: ${printable(error.message)}`);
      resolve(127);
    });
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]));
  });
}

/** Leaves the apps held, by a notice that names no driver: the end of this process means nothing then. */
async function holdAlone(pid: number, flags: Flags): Promise<Report> {
  const { Participants } = await import("../driver/participants.ts");
  using participants = await Participants.find(pid, { ...(await checkId(flags)), outlived: true });
  const refusals = await participants.prepare();
  if (refusals.length > 0) throw new DumpRefusedError(refusals);
  warn("notify", participants.warnings);
  participants.leaveHeld();
  const { noticeId, pids, takenAtPoint } = participants;
  const { leaseMs } = flags;
  if (!flags.json)
    say(
      `criu-aware notify: held${atPoint(takenAtPoint)} for ${duration(leaseMs)}, or until: criu-aware notify ${pid} --id ${noticeId} --tell continued`,
    );
  return { value: { noticeId, pids, takenAtPoint, leaseMs }, text: noticeId };
}

function atPoint(pids: readonly number[]): string {
  return pids.length > 0 ? ` (at its point: ${pids.join(", ")})` : "";
}

/** @throws {NoticeError} when an app would not take it. */
async function checkId(flags: Flags): Promise<Flags> {
  const { checkNotice } = await import("../lifecycle/notice.ts");
  if (flags.id !== undefined) checkNotice({ id: flags.id });
  return flags;
}

async function tell(pid: number, id: string | undefined, word: "continued" | "aborted"): Promise<Report> {
  const { openPages, closePages } = await import("./pages.ts");
  const pages = await openPages(pid);
  try {
    const held = pages.flatMap((page) => {
      const noticeId = id ?? page.status().activeId;
      return (id === undefined ? page.isAtPoint() : page.isHeldBy(id)) ? { page, noticeId } : [];
    });
    if (held.length === 0) throw new UsageError(whyNotHeld(pid, id));
    for (const { page, noticeId } of held) page.tell(noticeId, word);
    const pids = held.map(({ page }) => page.pid);
    return {
      value: { noticeId: held[0]?.noticeId, pids, told: word },
      text: `told ${count(pids.length, "process", "processes")}: ${word}`,
    };
  } finally {
    closePages(pages);
  }
}

function whyNotHeld(pid: number, id: string | undefined): string {
  return id === undefined
    ? `No process of the tree of ${pid} is at its point. To end the hold of a notice, name it: --id.`
    : `No process of the tree of ${pid} is held by the notice ${id}: its lease may have ended.`;
}
