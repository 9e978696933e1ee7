import { beginningOfProc } from "./read_up_to.ts";

/** A process decides itself what stands there, and how much; nobody needs more. */
const MOST_BYTES = 4096;

/**
 * The program of a process and its arguments (proc(5), cmdline), as it says itself; of a very long command line the beginning.
 * Empty when it has ended.
 */
export function commandLine(pid: number): string[] {
  try {
    const text = readCommandLine(pid, MOST_BYTES).toString().replace(/\0+$/, "");
    return text === "" ? [] : text.split("\0");
  } catch {
    return [];
  }
}

/** The beginning of a command line as the kernel gives it: each word ends in NUL. Throws when the process has ended. */
export function readCommandLine(pid: number, mostBytes: number): Buffer {
  return beginningOfProc(`/proc/${pid}/cmdline`, mostBytes);
}
