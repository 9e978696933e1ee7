import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { describeProcess, fieldOf, sessionOf } from "./proc.ts";
import type { Scope } from "./scope.ts";

/** Looks at what concerns a process as a whole: who traces it, and whose session it is in. */
export function checkProcesses(scope: Scope): void {
  const { pids, isOwn, report } = scope;
  for (const pid of pids) {
    const status = readOrEmpty(`/proc/${pid}/status`);
    const tracer = Number(fieldOf(status, "TracerPid") || 0);
    if (tracer > 0) report.add("traced", { pid, what: "it is being traced", who: describeProcess(tracer) });
    // One number for each pid namespace, its own last; 0: the leader is not in it (proc_pid_status(5)).
    if (/\b0$/.test(fieldOf(status, "NSsid"))) {
      report.add("outer-session", { pid, what: "the leader of its session is outside of its pid namespace" });
    }
  }
  const root = pids[0] as number;
  const session = sessionOf(root);
  if (!session || session === root) return;
  // An app that looks at itself need not be the root of what is dumped.
  const perhaps = isOwn ? "No blocker when its leader is the root of what is dumped" : undefined;
  const who = describeProcess(session);
  report.add("session", { pid: root, what: "its session belongs to another process", who, perhaps });
}
