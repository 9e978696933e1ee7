import { ownPidOf } from "../ffi/process.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { describeProcess, fieldOf, type NamespaceKind, namespaceOf } from "./proc.ts";
import { hasOwnNamespace, type Scope } from "./scope.ts";

const names: Readonly<Record<NamespaceKind, string>> = {
  cgroup: "cgroup",
  ipc: "IPC",
  mnt: "mount",
  net: "network",
  pid: "pid",
  time: "time",
  user: "user",
  uts: "UTS",
};
const PERHAPS = "No blocker when the root of what is dumped has such a namespace of its own";

/**
 * Looks whether the namespaces of a tree can be made again. Below the root CRIU dumps only mount and network namespaces, and restores
 * these only when the root has its own: criu/namespaces.c and pstree.c.
 */
export function checkNamespaces(scope: Scope): void {
  const { pids, report } = scope;
  const root = pids[0] as number;
  for (const kind of Object.keys(names) as NamespaceKind[]) {
    const its = namespaceOf(root, kind);
    for (const pid of pids.slice(1)) {
      const other = namespaceOf(pid, kind);
      if (its === "" || other === "" || other === its) continue;
      const own = kind === "mnt" || kind === "net" ? hasOwnNamespace(scope, kind) : false;
      if (own === true) break;
      const what = `it has a ${names[kind]} namespace of its own, which the root of the tree does not share`;
      report.add("nested-namespace", { pid, what, perhaps: own === undefined ? PERHAPS : undefined, same: other });
    }
  }
  if (!scope.isOwn) checkRoot(scope, root);
}

/** What only who looks from outside can tell. */
function checkRoot({ report }: Scope, root: number): void {
  const differs = (kind: NamespaceKind): boolean => {
    const its = namespaceOf(root, kind);
    return its !== "" && its !== namespaceOf("self", kind);
  };
  if (differs("user") && !differs("mnt")) {
    const what = "it has a user namespace of its own, but no mount namespace: CRIU could dump it, and not restore it";
    report.add("user-namespace", { pid: root, what });
  }
  if (!differs("pid") || ownPidOf(root) === 1) return;
  const init = initAbove(root);
  const instead = init === undefined ? "" : `: dump ${describeProcess(init)} instead`;
  const what = `it is in another pid namespace, and not the init of it${instead}`;
  report.add("not-init", { pid: root, what, who: init === undefined ? undefined : String(init) });
}

/** The init of the pid namespace of a process, when it is above it. */
function initAbove(pid: number): number | undefined {
  const its = namespaceOf(pid, "pid");
  for (let at = pid; at > 0 && namespaceOf(at, "pid") === its; ) {
    if (ownPidOf(at) === 1) return at;
    at = Number(fieldOf(readOrEmpty(`/proc/${at}/status`), "PPid") || 0);
  }
  return undefined;
}
