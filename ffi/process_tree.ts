import { readdirSync, readFileSync } from "node:fs";
import { readOrEmpty } from "./read_or_empty.ts";
import { statusField } from "./status_field.ts";

/** More than any tree that is dumped has; a hostile one could grow for as long as it is looked at. */
const MOST = 65_536;

/** The process `pid` and all below it, parents first: what CRIU dumps. Empty when there is no such process. */
export function processTree(pid: number): number[] {
  const found = new Set<number>();
  const next = [pid];
  for (let process = next.pop(); process !== undefined && found.size < MOST; process = next.pop()) {
    if (found.has(process)) continue;
    const children = childrenOf(process);
    if (!children) continue;
    found.add(process);
    // One at a time: as arguments thousands are too many.
    for (const child of children.reverse()) next.push(child);
  }
  return [...found];
}

/** Whether a process is `root` or below it, as the kernel says now. */
export function isInTree(pid: number, root: number): boolean {
  if (pid === root) return true;
  for (const ancestor of ancestorsOf(pid)) if (ancestor === root) return true;
  return false;
}

/** The parent of a process, the parent of that, and so on, as the kernel says now. */
export function* ancestorsOf(pid: number): Generator<number> {
  for (let depth = 0, at = pid; depth < MOST; depth++) {
    at = Number(statusField(readOrEmpty(`/proc/${at}/status`), "PPid"));
    if (!(at > 0)) return;
    yield at;
  }
}

/** The children of all threads of a process; undefined when there is no such process. */
export function childrenOf(pid: number): number[] | undefined {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return undefined;
  }
  return threads.flatMap((thread) => childrenIn(`/proc/${pid}/task/${thread}/children`));
}

function childrenIn(path: string): number[] {
  try {
    return readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
