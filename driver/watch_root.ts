import { existsSync } from "node:fs";
import { findBlockers } from "../blockers/scan.ts";
import { CriuError } from "../criu/errors.ts";
import { endTrees } from "../ffi/end_tree.ts";
import type { Libc } from "../ffi/libc.ts";
import { printable } from "../ffi/printable.ts";
import { aliveSince, openProcess, type ProcessHandle } from "../ffi/process.ts";
import { processTree } from "../ffi/process_tree.ts";
import { describeStandstill, isPaused } from "./paused.ts";

const LOOK_EVERY_MS = 250;
/** As long CRIU may take to see for itself that the process is gone. */
const PATIENCE_LOOKS = 8;

/** A look at the root of a tree that CRIU dumps. */
export interface RootWatch extends Disposable {
  /** CRIU was started. */
  readonly started: (criu: number) => void;
  /** From here on CRIU ends the root. */
  disregard(): void;
  /** Whether the root has ended before that. */
  hasEnded(): boolean;
}

/**
 * Ends a CRIU whose process has been killed while it is dumped, by the kernel that lacks memory for instance: CRIU may wait for it for
 * ever. A CRIU that dumps must not be ended otherwise, for its code would stay in the process.
 */
export function watchRoot(libc: Libc, root: number): RootWatch {
  let criu: ProcessHandle | undefined;
  let gone = 0;
  let isOver = false;
  const isGone = (): boolean => !isOver && aliveSince(root) === undefined;
  const timer = setInterval(() => {
    gone = isGone() ? gone + 1 : 0;
    if (gone === PATIENCE_LOOKS && criu?.isAlive()) void endTrees(libc, [criu]);
  }, LOOK_EVERY_MS);
  return {
    started(pid) {
      criu = openProcess(libc, pid);
    },
    disregard() {
      isOver = true;
    },
    hasEnded: isGone,
    [Symbol.dispose]() {
      clearInterval(timer);
      criu?.[Symbol.dispose]();
    },
  };
}

/** What to say of a process that has been killed while CRIU dumped it. */
export function endedMeanwhile(pid: number, logFile: string): CriuError {
  return new CriuError(
    "dump",
    `Process ${pid} has ended while CRIU dumped it, and there is no image: something has killed it. Where memory is short the kernel ` +
      `does, and says so in its log (dmesg). CRIU's log: ${printable(logFile)}`,
    { logFile },
  );
}

/**
 * Adds to the error of a dump what CRIU does not say: that a process was paused meanwhile, and that a CRIU which was killed has left its
 * code in one. One that ended without an answer has a log all the same: `log`.
 */
export async function withRemarks(error: unknown, root: number, log: string): Promise<unknown> {
  if (!(error instanceof CriuError)) return error;
  const tree = processTree(root);
  const found = (await findBlockers(tree)).filter(({ kind }) => kind === "parasite");
  const remarks = [
    ...tree.filter(isPaused).map((pid) => `process ${pid}: ${describeStandstill("paused", pid)}`),
    ...found.map(({ pid, what, cure }) => `process ${pid} has ${what}: ${cure.advice}`),
  ];
  const { logFile = existsSync(log) ? log : undefined } = error;
  if (logFile !== error.logFile) remarks.push(`CRIU's log: ${printable(log)}`);
  return Object.assign(error, { message: [error.message, ...remarks].join("\n  "), logFile });
}
