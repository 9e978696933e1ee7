/** Faults that keep the app from running, or from opening anything. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { processState } from "../../ffi/process.ts";
import { type Freezer, freezers, noFreezer, Pause } from "../support/freezer.ts";
import { waitFor } from "../support/time.ts";
import type { Fault } from "./kinds.ts";
import type { Scene } from "./scene.ts";

const GONE = "there is no process yet";

/** What was stopped, and is restored, may stand still in the image as well: it is let go, and answers. */
async function goOn({ app }: Scene): Promise<void> {
  process.kill(app.pid, "SIGCONT");
  await waitFor("it to go on", () => processState(app.pid) !== "T", 10_000);
}

const stopped = /is stopped \(SIGSTOP\) and cannot answer; let it go on: kill -CONT \d+/;
const paused = /is paused \(cgroup freezer\) and cannot answer; resume its container/;

/** The next descriptor would be one too many. */
function limit({ app, kept }: Scene): void {
  const taken = new Set(readdirSync(`/proc/${app.pid}/fd`).map(Number));
  let free = 0;
  while (taken.has(free)) free++;
  kept.set(
    "limit",
    execFileSync("prlimit", ["--pid", String(app.pid), "--nofile", "--noheadings", "--output=SOFT"], {
      encoding: "utf8",
    }).trim(),
  );
  execFileSync("prlimit", ["--pid", String(app.pid), `--nofile=${free}:`]);
}

export const stopFaults: readonly Fault[] = [
  {
    name: "app stopped (SIGSTOP)",
    // Longer than a cell may take: it is said at once.
    dump: { timeoutMs: 60_000 },
    restore: { timeoutMs: 60_000 },
    put: async ({ app, cell }) => {
      process.kill(app.pid, "SIGSTOP");
      // One that is frozen stops when it is let go.
      if (cell.phase !== "frozen") await waitFor("the stop", () => /[Tt]/.test(processState(app.pid)), 10_000);
    },
    lift: goOn,
    phases: {
      before: { refused: stopped },
      preparing: { refused: stopped },
      held: { failures: stopped },
      // What is in the images is not stopped.
      frozen: {},
      restoring: GONE,
      recovering: { failures: stopped },
    },
  },
  {
    name: "app paused (cgroup freezer)",
    impossible: noFreezer,
    dump: { timeoutMs: 60_000 },
    restore: { timeoutMs: 60_000 },
    put: async ({ app, kept, cleanup }) => {
      const pause = cleanup.use(new Pause(freezers[0] as Freezer, app.pid));
      kept.set("pause", pause);
      await pause.pause();
    },
    lift: ({ kept }) => (kept.get("pause") as Pause | undefined)?.resume(),
    phases: {
      before: { refused: paused },
      preparing: { refused: paused },
      held: ({ engine }) => (engine === "simulate" ? { failures: paused } : { refused: paused }),
      frozen: "CRIU has stopped it by ptrace: the freezer waits until it is let go",
      restoring: GONE,
      recovering: { failures: paused },
    },
  },
  {
    name: "app at its limit of descriptors",
    put: limit,
    lift: ({ app, kept }) => void execFileSync("prlimit", ["--pid", String(app.pid), `--nofile=${kept.get("limit")}:`]),
    phases: {
      before: { refused: /EMFILE|no answer/ },
      preparing: { refused: /EMFILE/ },
      held: ({ engine }) =>
        engine === "simulate" ? {} : { refused: /as many files open as it may have.*prlimit --pid PID --nofile=/s },
      frozen: {},
      restoring: GONE,
      recovering: {},
    },
  },
];
