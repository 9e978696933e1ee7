import { readProcLink } from "#proc";
import { startTime, timeOffsets } from "./process.ts";
import { readOrEmpty } from "./read_or_empty.ts";

/**
 * What tells the lives of this process apart. None of them is a promise: a new start time is a side effect of how CRIU makes a process
 * (criu #2504), time namespaces can be missing in a kernel, and a boot id tells only of another boot. So each of them counts.
 */
export interface RestoreSigns {
  /** Of the kernel, in clock ticks, as `startTime` reads it. */
  readonly startTime: string;
  /** Of the time namespace, as `timeOffsets` reads them. */
  readonly timeOffsets: string;
  /** Of the boot, random(4); "" where it may not be read. */
  readonly bootId: string;
}

/** Reads the signs of the life that this process is in. Throws when /proc cannot be read. */
export function restoreSigns(): RestoreSigns {
  return {
    startTime: startTime("self"),
    timeOffsets: timeOffsets(),
    bootId: readOrEmpty("/proc/sys/kernel/random/boot_id"),
  };
}

/** Whether CRIU has restored this process since `before` was read. Throws when /proc cannot be read. */
export function isAnotherLife(before: RestoreSigns, now: RestoreSigns = restoreSigns()): boolean {
  if (now.startTime !== before.startTime || now.bootId !== before.bootId) return true;
  return now.timeOffsets !== before.timeOffsets && !isForChildrenOnly();
}

/** A process may give its children another time namespace: then the kernel shows the offsets of that one. */
function isForChildrenOnly(): boolean {
  return readProcLink("/proc/self/ns/time") !== readProcLink("/proc/self/ns/time_for_children");
}
