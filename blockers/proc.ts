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

/** The link of a namespace, as text that is equal for equal namespaces; "" when it cannot be read. */
export function namespaceOf(pid: number | "self", kind: "ipc" | "mnt" | "net" | "pid" | "user"): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return "";
  }
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
  readonly fileSystem: string;
}

/** The mounts that a process sees, by their ids. */
export function readMounts(pid: number): Map<number, Mount> {
  return new Map(
    readLines(`/proc/${pid}/mountinfo`)
      .map((line) => parseMount(line))
      .map((mount) => [mount.id, mount]),
  );
}

/** Reads a line of mountinfo. */
export function parseMount(line: string): Mount {
  const [id, , device = ""] = line.split(" ", 3);
  return { id: Number(id), device, fileSystem: line.slice(line.indexOf(" - ") + 3).split(" ", 1)[0] as string };
}
