import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Libc } from "./libc.ts";
import { createPoll } from "./poll.ts";
import { openProcess, type ProcessHandle, processState } from "./process.ts";
import { processTree } from "./process_tree.ts";

const SIGKILL = 9;
const SIGSTOP = 19;
/** Looks, a millisecond apart: one that waits in vfork(2) for a stopped child does not stop itself. */
const MAX_LOOKS = 200;

/**
 * Kills processes and all below them, and resolves once they have ended. They are stopped first, until nothing new comes: a parent
 * that goes on would start more. All are killed when this returns its promise, not later: whatever becomes of this process then, it
 * leaves nothing stopped. Each is held by a pidfd, so that no other process is hit; a root that has ended is left out.
 */
export async function endTrees(libc: Libc, roots: readonly ProcessHandle[]): Promise<void> {
  using held = new DisposableStack();
  const processes = new Map<number, ProcessHandle>();
  const members = (): number[] => roots.filter((root) => root.isAlive()).flatMap(({ pid }) => processTree(pid));
  const stopNew = (): number => {
    const found = members()
      .filter((pid) => !processes.has(pid))
      .flatMap((pid) => hold(libc, pid) ?? [])
      .map((process) => held.use(process));
    // A pid may have been given anew before it was held.
    const still = new Set(members());
    const added = found.filter(({ pid }) => still.has(pid));
    for (const process of added) {
      processes.set(process.pid, process);
      send(process, SIGSTOP);
    }
    return added.length;
  };
  const poll = createPoll(libc, []);
  try {
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      // Looked at first: what stood still before a look that finds nothing new starts nothing after it.
      const isStill = [...processes.keys()].every(standsStill);
      if (stopNew() === 0 && isStill) break;
      poll(1);
    }
  } finally {
    for (const process of processes.values()) send(process, SIGKILL);
  }
  while ([...processes.values()].some((process) => process.isAlive())) await sleep(5);
}

/** Undefined when it has just ended. */
function hold(libc: Libc, pid: number): ProcessHandle | undefined {
  try {
    return openProcess(libc, pid);
  } catch {
    return undefined;
  }
}

function send(process: ProcessHandle, signal: number): void {
  try {
    process.kill(signal);
  } catch {
    // It has just ended.
  }
}

/** Whether no thread of a process runs: each stops by itself. */
function standsStill(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => /^[TtZX]?$/.test(processState(Number(thread))));
  } catch {
    return true;
  }
}
