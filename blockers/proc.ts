import { readdirSync, readlinkSync } from "node:fs";
import { printable } from "../ffi/printable.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { statusField } from "../ffi/status_field.ts";

/** The lines of a file of /proc; none where there is no such file, or its process has just ended. */
export function readLines(path: string): string[] {
  const text = readOrEmpty(path);
  return text === "" ? [] : text.trimEnd().split("\n");
}

/** The names in a directory; none where there is none. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** A line `Name:  value` of a file such as /proc/pid/status or fdinfo, without its name; "" when there is none. */
export function fieldOf(text: string, name: string): string {
  return statusField(text, name) ?? "";
}

/** The session of a process (field 6 of /proc/pid/stat); undefined when it has ended. */
export function sessionOf(pid: number): number | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  return stat === "" ? undefined : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
}

/** `process 12 (name)`, safe to print: a process names itself as it likes. */
export function describeProcess(pid: number): string {
  const name = printable(readOrEmpty(`/proc/${pid}/comm`).replace(/\n$/, ""));
  return name ? `process ${pid} (${name})` : `process ${pid}`;
}

/** A kind of namespace, by its name in /proc/pid/ns. */
export type NamespaceKind = "cgroup" | "ipc" | "mnt" | "net" | "pid" | "time" | "user" | "uts";

/** The link of a namespace, as text that is equal for equal namespaces; "" when it cannot be read. */
export function namespaceOf(pid: number | "self", kind: NamespaceKind): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return "";
  }
}

/** Whether any user may have made the mounts that a process sees: a look at a file there may wait for a server (FUSE) that never answers. */
export function mayHang(pid: number): boolean {
  const differs = (kind: "mnt" | "user"): boolean => namespaceOf(pid, kind) !== namespaceOf("self", kind);
  return differs("mnt") && differs("user");
}

// linux/nsfs.h and linux/proc_ns.h: the inodes of the namespaces that the kernel starts with.
const initial = { ipc: "ipc:[4026531839]", pid: "pid:[4026531836]" };

/** Whether this is one of the namespaces that the machine started with. */
export function isInitial(namespace: string): boolean {
  return namespace === initial.ipc || namespace === initial.pid;
}

/** One line of /proc/pid/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  readonly id: number;
  /** `major:minor`. */
  readonly device: string;
  /** Where it is, as the kernel writes it. */
  readonly point: string;
  readonly fileSystem: string;
  /** The options of the file system itself. */
  readonly options: string;
}

/** The mounts that a process sees, by their ids. */
export function readMounts(pid: number | "self"): Map<number, Mount> {
  return new Map(
    readLines(`/proc/${pid}/mountinfo`)
      .map((line) => parseMount(line))
      .map((mount) => [mount.id, mount]),
  );
}

/** Reads a line of mountinfo. */
export function parseMount(line: string): Mount {
  const [id, , device = "", , point = ""] = line.split(" ", 5);
  const [fileSystem = "", , options = ""] = line.slice(line.indexOf(" - ") + 3).split(" ");
  return { id: Number(id), device, point, fileSystem, options };
}
