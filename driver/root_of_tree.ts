import { UsageError } from "../criu/usage_error.ts";
import { isInTree, processTree } from "../ffi/process_tree.ts";
import { looksAttached } from "./attached.ts";
import { programBelow } from "./launcher.ts";

/** Why a process cannot be the root of a tree that is dumped from here, and what to dump instead; undefined when it can. */
export function whyNoRoot(pid: number): string | undefined {
  if (pid === process.pid)
    return "it is this very process, and CRIU would run below it: use checkpoint() of criu-aware/driver";
  if (isInTree(process.pid, pid)) {
    const further = processTree(pid).find((member) => looksAttached(member) && !isInTree(process.pid, member));
    return (
      "this very command runs below it, and CRIU would: dump it from outside, or dump a process further down" +
      (further === undefined ? "" : `, such as ${further}, which is attached`)
    );
  }
  const program = programBelow(pid);
  if (program === undefined) return undefined;
  return `it is criu-aware run --foreground, or waits for that, which goes on while its program is dumped: dump that, process ${program}`;
}

/**
 * @param what is to be done with it.
 * @throws {UsageError} when a process cannot be the root of a tree that is dumped from here.
 */
export function requireOther(pid: number, what = "dump"): void {
  const why = whyNoRoot(pid);
  if (why !== undefined) throw new UsageError(`Cannot ${what} process ${pid}: ${why}.`);
}
