import { readOrEmpty } from "../../ffi/read_or_empty.ts";
import { describeProcess, fieldOf, sessionOf } from "./proc.ts";
import type { Scope } from "./scope.ts";

/** Looks at what concerns a process as a whole: who traces it, and whose session the root of the tree is in. */
export function checkProcesses(scope: Scope): void {
  const { pids, isOwn, report } = scope;
  for (const pid of pids) {
    const tracer = Number(fieldOf(readOrEmpty(`/proc/${pid}/status`), "TracerPid") || 0);
    if (tracer > 0) report.add("traced", { pid, what: "it is being traced", who: describeProcess(tracer) });
  }
  const root = pids[0] as number;
  const session = sessionOf(root);
  // 0: the leader is in another pid namespace. An app that looks at itself need not be the root of what is dumped.
  if (session === undefined || session === root) return;
  const leader = session === 0 ? "a process of another pid namespace" : describeProcess(session);
  const perhaps = isOwn ? "No blocker when its leader is the root of what is dumped" : undefined;
  report.add("session", { pid: root, what: "its session belongs to another process", who: leader, perhaps });
}
