import { readOrEmpty } from "./read_or_empty.ts";
import { statusField } from "./status_field.ts";

/** PF_EXITING of linux/sched.h, in field 9 of /proc/pid/stat. */
const PF_EXITING = 4;
const SIGKILL_BIT = 1n << 8n;

/** Who has a pid or thread id that somebody else wants. */
export interface IdHolder {
  readonly id: number;
  /** The process; the same as the id, or that of a thread. */
  readonly pid: number;
  /** Its name, raw: at most 15 letters that it chose itself. */
  readonly command: string;
  /** It is ending, or has ended and waits to be reaped. */
  readonly isEnding: boolean;
}

/** Who has these ids in the pid namespace of this process. A thread is found as well: /proc does not list it, but knows it. */
export function holdersOf(ids: readonly number[]): IdHolder[] {
  return ids.flatMap((id) => {
    const status = readOrEmpty(`/proc/${id}/status`);
    const field = (name: string): string => statusField(status, name) ?? "";
    if (status === "") return [];
    const flags = Number(readOrEmpty(`/proc/${id}/stat`).replace(/^.*\)/s, "").split(" ")[7]);
    const pending = BigInt(`0x${field("SigPnd") || "0"}`) | BigInt(`0x${field("ShdPnd") || "0"}`);
    const isEnding = /^[ZX]/.test(field("State")) || (flags & PF_EXITING) !== 0 || (pending & SIGKILL_BIT) !== 0n;
    return [{ id, pid: Number(field("Tgid")), command: field("Name"), isEnding }];
  });
}
