import type { Libc } from "./libc.ts";
import { openProcess, type ProcessHandle } from "./process.ts";
import { readOrEmpty } from "./read_or_empty.ts";

const SIGKILL = 9;

/**
 * Takes hold of process `pid` if `mark` is in its command line, the path of a private directory for instance. That tells a process
 * of ours, also one that CRIU has restored, from another that has got its pid. Undefined when it has ended.
 */
export function openMarked(libc: Libc, pid: number, mark: string): ProcessHandle | undefined {
  using held = new DisposableStack();
  try {
    const process = held.use(openProcess(libc, pid));
    // Alive after the look: the command line was that of the process that is held.
    if (!readOrEmpty(`/proc/${pid}/cmdline`).includes(mark) || !process.isAlive()) return undefined;
    held.move();
    return process;
  } catch {
    return undefined;
  }
}

/** Kills a process of ours, known by its mark; does nothing when it has ended. */
export function endMarked(libc: Libc, pid: number, mark: string): void {
  using process = openMarked(libc, pid, mark);
  try {
    process?.kill(SIGKILL);
  } catch {
    // It has just ended.
  }
}
