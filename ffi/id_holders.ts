import { readdirSync } from "node:fs";
import { highestId } from "./next_pid.ts";
import { readOrEmpty } from "./read_or_empty.ts";
import { statusField } from "./status_field.ts";

/** PF_EXITING of linux/sched.h, in field 9 of /proc/pid/stat. */
const PF_EXITING = 4;
const SIGKILL_BIT = 1n << 8n;
/** More ids are not looked up: an image may name millions. CRIU itself says when one of the others is taken. */
const MOST_LOOKED_UP = 4096;

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

/**
 * Who has these ids in the pid namespace of this process. A thread is found as well: /proc does not list it, but knows it. Of ids that
 * this process does not have itself, only the first 4,096 are looked up; one that cannot be is skipped.
 */
export function holdersOf(ids: readonly number[]): IdHolder[] {
  const highest = highestId();
  const possible = ids.filter((id) => Number.isInteger(id) && id > 0 && id <= highest);
  const looked = new Set([...ownIdsAmong(possible), ...possible.slice(0, MOST_LOOKED_UP)]);
  return [...looked].flatMap((id) => {
    const status = readOrEmpty(`/proc/${id}/status`);
    const field = (name: string): string => statusField(status, name) ?? "";
    if (status === "") return [];
    const flags = Number(readOrEmpty(`/proc/${id}/stat`).replace(/^.*\)/s, "").split(" ")[7]);
    const pending = BigInt(`0x${field("SigPnd") || "0"}`) | BigInt(`0x${field("ShdPnd") || "0"}`);
    const isEnding = /^[ZX]/.test(field("State")) || (flags & PF_EXITING) !== 0 || (pending & SIGKILL_BIT) !== 0n;
    return [{ id, pid: Number(field("Tgid")), command: field("Name"), isEnding }];
  });
}

/** Which of these ids this process and its threads have. */
export function ownIdsAmong(ids: readonly number[]): number[] {
  const own = new Set(readdirSync("/proc/self/task").map(Number));
  return ids.filter((id) => own.has(id));
}
