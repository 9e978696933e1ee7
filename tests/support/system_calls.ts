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
  const lines = readFileSync(path, "utf8").split("\n");
  const unfinished = new Map<string, string>();
  const opened = new Map<string, string>();
  const isCriu = new Set<string>();
  const found: SystemCall[] = [];
  for (const line of lines) {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    let text = rest;
    if (text.endsWith("<unfinished ...>")) {
      unfinished.set(pid, text.slice(0, -"<unfinished ...>".length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    if (resumed) text = (unfinished.get(pid) ?? "") + resumed[1];
    const name = /^(\w+)\(/.exec(text)?.[1];
    const result = /\)\s+= (-?\d+)/.exec(text)?.[1];
    if (!name || result === undefined || result.startsWith("-")) continue;
    if (name === "execve" && /^execve\("[^"]*\/criu"/.test(text)) isCriu.add(pid);
    if (/^(clone3?|v?fork)$/.test(name) && isCriu.has(pid)) isCriu.add(result);
    if (isCriu.has(pid) || /^(execve|clone3?|v?fork|wait\w*|exit\w*)$/.test(name)) continue;
    const path = /^open[^"]*"([^"]*)"/.exec(text)?.[1];
    if (path !== undefined && /O_PATH/.test(text)) opened.set(`/proc/self/fd/${result}`, path);
    if (path !== undefined && !WRITES.test(text)) continue;
    const again = opened.get(path ?? "");
    found.push({ name, text, ...(again ? { again } : {}) });
  }
  return found;
}
