import { processState } from "../ffi/process.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";

/** What keeps a process from answering: a signal (SIGSTOP, Ctrl-Z), a debugger, or the cgroup freezer (a paused container). */
export type Standstill = "stopped" | "traced" | "paused";

/** A program that follows system calls stops a process again and again for a moment: that is none. */
const TRACED_LOOKS = 5;
const BETWEEN_LOOKS_MS = 20;
/** Between two looks at a process that is waited for. */
const STILL_MS = 500;

/** What keeps a process from answering a notice now; undefined when nothing does. The cgroups are files of their own to read. */
export async function standstillOf(pid: number, lookAtCgroups = true): Promise<Standstill | undefined> {
  for (let look = 1; processState(pid) === "t"; look++) {
    if (look === TRACED_LOOKS) return "traced";
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
  if (processState(pid) === "T") return "stopped";
  return lookAtCgroups && isPaused(pid) ? "paused" : undefined;
}

/** What came of waiting for a process. */
export interface Waited<T> {
  readonly result: T;
  /** What keeps the process from answering, if anything does at the end. */
  readonly standstill: Standstill | undefined;
  /** Whether the wait was ended for that. */
  readonly isCut: boolean;
}

/**
 * Does `work`, which waits for a process, with a signal that aborts soon after that is stopped or paused. A tracer does not count: CRIU
 * is one.
 */
export async function unlessStill<T>(
  pid: number,
  work: (signal: AbortSignal) => Promise<T>,
  given?: AbortSignal,
): Promise<Waited<T>> {
  const cut = new AbortController();
  let isStill = false;
  const look = (): void => {
    const wasStill = isStill;
    isStill = processState(pid) === "T" || isPaused(pid);
    // Twice: a container engine pauses, and a shell stops, for a moment.
    if (isStill && wasStill) cut.abort();
  };
  const timer = setInterval(look, STILL_MS);
  try {
    const result = await work(given ? AbortSignal.any([given, cut.signal]) : cut.signal);
    return { result, standstill: await standstillOf(pid), isCut: cut.signal.aborted };
  } finally {
    clearInterval(timer);
  }
}

/** Says why a process cannot answer, and the cure. */
export function describeStandstill(standstill: Standstill, pid: number): string {
  const texts: Record<Standstill, string> = {
    stopped: `it is stopped (SIGSTOP) and cannot answer; let it go on: kill -CONT ${pid}`,
    traced: "it is stopped by a debugger and cannot answer; let it go on there",
    paused: "it is paused (cgroup freezer) and cannot answer; resume its container",
  };
  return texts[standstill];
}

/** Whether the cgroup freezer holds a process. Both versions of cgroups, at their usual mount points: cgroups(7). */
export function isPaused(pid: number): boolean {
  return readOrEmpty(`/proc/${pid}/cgroup`)
    .split("\n")
    .some((line) => {
      const [, controllers = "", path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      if (path === undefined) return false;
      if (controllers.split(",").includes("freezer")) {
        return /^FR/.test(readOrEmpty(`/sys/fs/cgroup/freezer${path}/freezer.state`));
      }
      const roots = controllers === "" ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] : [];
      return roots.some((root) => /^frozen 1$/m.test(readOrEmpty(`${root}${path}/cgroup.events`)));
    });
}
