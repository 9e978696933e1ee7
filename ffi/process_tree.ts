import { readdirSync, readFileSync } from "node:fs";

/** The process `pid` and all below it, parents first: what CRIU dumps. Empty when there is no such process. */
export function processTree(pid: number): number[] {
  const children = childrenOf(pid);
  return children ? [pid, ...children.flatMap(processTree)] : [];
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
