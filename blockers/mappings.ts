import { reportDevice } from "./devices.ts";
import { checkDeleted } from "./files.ts";
import { openDirectory } from "./open_files.ts";
import { readLines } from "./proc.ts";
import { hasOwnNamespace, type Scope } from "./scope.ts";

/** A line of /proc/pid/maps (proc_pid_maps(5)) that names a file. */
export interface Mapping {
  /** `start-end`, as /proc/pid/map_files names it. */
  readonly range: string;
  readonly isShared: boolean;
  readonly path: string;
}

const PERHAPS = "No blocker when the app runs in an IPC namespace of its own";
/** What the kernel calls memory that has no file: it is dumped. */
const anonymous = /^\/(memfd:|dev\/zero( |$)|anon_hugepage|\[aio\])/;

/** Looks at what each process has mapped: a descriptor may be closed long ago. */
export function checkMappings(scope: Scope): void {
  for (const pid of scope.pids) {
    const mappings = parseMappings(readLines(`/proc/${pid}/maps`));
    const unlinked = mappings.filter(({ path }) => path.endsWith(" (deleted)") && !anonymous.test(path));
    for (const mapping of mappings) checkMapping(scope, pid, mapping);
    if (unlinked.length === 0) continue;
    using links = openDirectory(scope.libc, `/proc/${pid}/map_files`);
    for (const { range, path } of unlinked) {
      const state = /^\/(SYSV|secretmem)/.test(path) ? undefined : links?.state(trimZeros(range));
      if (state) checkDeleted(scope, { pid, link: path }, state);
    }
  }
}

function checkMapping(scope: Scope, pid: number, { path, isShared }: Mapping): void {
  const { report } = scope;
  if (path.startsWith("/memfd:CRIUMFD")) {
    report.add("parasite", { pid, what: "memory that a killed CRIU left behind (/memfd:CRIUMFD)", same: "parasite" });
  } else if (path.startsWith("/SYSV")) {
    const own = hasOwnNamespace(scope, "ipc");
    const perhaps = own === undefined ? PERHAPS : undefined;
    if (own !== true)
      report.add("sysv-memory", { pid, what: "System V shared memory", who: path, perhaps, same: path });
  } else if (path.startsWith("/secretmem")) {
    report.add("secret", { pid, what: "secret memory (memfd_secret)", same: "secret" });
  } else if (path.startsWith("/dev/shm/")) {
    if (!isShared || path.endsWith(" (deleted)")) return;
    report.add("named-memory", { pid, what: `shared memory that has a name: ${path}`, who: path, same: path });
  } else if (path.startsWith("/dev/") && !anonymous.test(path) && !path.startsWith("/dev/hugepages/")) {
    reportDevice(scope, { pid, link: `${path}, mapped` });
  } else if (path.startsWith("anon_inode:")) {
    const kind = path.slice("anon_inode:".length);
    report.add(kind === "[io_uring]" ? "io-uring" : "kernel", {
      pid,
      what: `mapped memory of the kernel: ${kind}`,
      same: path,
    });
  }
}

/** Reads the lines of /proc/pid/maps that name a file. */
export function parseMappings(lines: readonly string[]): Mapping[] {
  return lines.flatMap((line) => {
    const [, range, permissions, path] = /^(\S+) (\S+) \S+ \S+ \d+\s+(\/.*|anon_inode:.*)$/.exec(line) ?? [];
    return range && permissions && path ? { range, path, isShared: permissions[3] === "s" } : [];
  });
}

/** maps writes addresses with leading zeros, map_files without. */
function trimZeros(range: string): string {
  return range.replace(/(^|-)0+(?=[0-9a-f])/g, "$1");
}
