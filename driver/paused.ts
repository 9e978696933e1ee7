import { processState } from "../ffi/process.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";

/** What keeps a process from answering: a signal (SIGSTOP, Ctrl-Z), a debugger, or the cgroup freezer (a paused container). */
export type Standstill = "stopped" | "traced" | "paused";

/** A program that follows system calls stops a process again and again for a moment: that is none. */
const TRACED_LOOKS = 5;
const BETWEEN_LOOKS_MS = 20;

/** What keeps a process from answering a notice now; undefined when nothing does. The cgroups are files of their own to read. */
export async function standstillOf(pid: number, lookAtCgroups = true): Promise<Standstill | undefined> {
  for (let look = 1; processState(pid) === "t"; look++) {
    if (look === TRACED_LOOKS) return "traced";
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
  if (processState(pid) === "T") return "stopped";
  return lookAtCgroups && isPaused(pid) ? "paused" : undefined;
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
