import { closeSync, openSync, readSync } from "node:fs";

/** A process decides itself what stands there, and how much; nobody needs more. */
const MOST_BYTES = 4096;

/**
 * The program of a process and its arguments (proc(5), cmdline), as it says itself; of a very long command line the beginning.
 * Empty when it has ended.
 */
export function commandLine(pid: number): string[] {
  const bytes = Buffer.alloc(MOST_BYTES);
  let length: number;
  try {
    const fd = openSync(`/proc/${pid}/cmdline`, "r");
    try {
      length = readSync(fd, bytes);
    } finally {
      closeSync(fd);
    }
  } catch {
    return [];
  }
  const text = bytes.toString("utf8", 0, length).replace(/\0+$/, "");
  return text === "" ? [] : text.split("\0");
}
