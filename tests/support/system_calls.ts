/** What strace(1) wrote of a driver: which files it opened for writing or changed, and to whom it sent signals. CRIU is left out. */
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const unpacked = join(import.meta.dirname as string, "../../.tools/strace/bin");

/** The strace(1) to use: that of the system, or the one that the set-up unpacks; undefined when there is none. */
export const strace: string | undefined = [...(process.env.PATH ?? "").split(delimiter), unpacked]
  .map((directory) => join(directory, "strace"))
  .find((path) => existsSync(path));

/** What strace is asked for. */
export const traceOptions: readonly string[] = [
  ...["-f", "-qq", "-yy", "--seccomp-bpf", "-s", "300"],
  ...[
    "-e",
    "trace=%process,/^(open|creat|trunc|rename|link|symlink|unlink|mkdir|mknod|.*ch(mod|own))|kill$|sigqueue|pidfd_send",
  ],
];

/** A system call that succeeded. */
export interface SystemCall {
  readonly name: string;
  readonly text: string;
  /** For a file that is opened again through a descriptor of this process: the name by which that one was opened. */
  readonly again?: string;
}

const WRITES = /O_(WRONLY|RDWR|CREAT|TRUNC)/;

/** All that changed or may change something, by a process that is not CRIU. */
export function changesIn(path: string): SystemCall[] {
  const calls = callsIn(readFileSync(path, "utf8").split("\n"));
  const isCriu = new Set<string>();
  // A child may have begun before its parent saw it: CRIU's are known first.
  for (const { pid, name, text, result } of calls) {
    if (name === "execve" && /^execve\("[^"]*\/criu"/.test(text)) isCriu.add(pid);
    if (/^(clone3?|v?fork)$/.test(name) && isCriu.has(pid)) isCriu.add(result);
  }
  const opened = new Map<string, string>();
  return calls.flatMap(({ pid, name, text, result }) => {
    if (isCriu.has(pid) || /^(execve|clone3?|v?fork|wait\w*|exit\w*)$/.test(name)) return [];
    const path = /^open[^"]*"([^"]*)"/.exec(text)?.[1];
    if (path !== undefined && /O_PATH/.test(text)) opened.set(`/proc/self/fd/${result}`, path);
    if (path !== undefined && !WRITES.test(text)) return [];
    const again = opened.get(path ?? "");
    return { name, text, ...(again ? { again } : {}) };
  });
}

/** The calls that succeeded, those in one piece that strace wrote in two. */
function callsIn(lines: readonly string[]): { pid: string; name: string; text: string; result: string }[] {
  const unfinished = new Map<string, string>();
  return lines.flatMap((line) => {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith("<unfinished ...>")) {
      unfinished.set(pid, rest.slice(0, -"<unfinished ...>".length));
      return [];
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const text = resumed ? (unfinished.get(pid) ?? "") + resumed[1] : rest;
    const name = /^(\w+)\(/.exec(text)?.[1];
    const result = /\)\s+= (\d+)/.exec(text)?.[1];
    return name && result ? { pid, name, text, result } : [];
  });
}
