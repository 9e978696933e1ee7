import { setTimeout as sleep } from "node:timers/promises";
import type { Libc } from "./libc.ts";
import { openProcess, type ProcessHandle } from "./process.ts";
import { processTree } from "./process_tree.ts";

const SIGKILL = 9;
const SIGSTOP = 19;

/**
 * Kills processes and all below them, and resolves once they have ended. They are stopped first, until nothing new comes: a parent
 * that goes on would start more. Each is held by a pidfd, so that no other process is hit.
 */
export async function endTrees(libc: Libc, roots: readonly number[]): Promise<void> {
  using held = new DisposableStack();
  const processes = new Map<number, ProcessHandle>();
  const find = (): number => {
    const before = processes.size;
    for (const pid of roots.flatMap(processTree)) {
      if (processes.has(pid)) continue;
      try {
        const handle = held.use(openProcess(libc, pid));
        // Its pid may have been given anew before it was held.
        if (!roots.flatMap(processTree).includes(pid)) continue;
        processes.set(pid, handle);
        handle.kill(SIGSTOP);
      } catch {
        // It has just ended.
      }
    }
    return processes.size - before;
  };
  while (find() > 0) await sleep(1);
  for (const process of processes.values()) {
    try {
      process.kill(SIGKILL);
    } catch {
      // It has just ended.
    }
  }
  while ([...processes.values()].some((process) => process.isAlive())) await sleep(5);
}
