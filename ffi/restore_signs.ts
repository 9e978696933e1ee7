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
  return { startTime: startTime("self"), timeOffsets: timeOffsets(), bootId: bootId() };
}

/**
 * Whether CRIU has restored this process since `before` was read. Throws when /proc cannot be read.
 *
 * Over a long time other offsets alone can have another cause: see `hasOtherTimeForChildren`.
 */
export function isAnotherLife(before: RestoreSigns): boolean {
  // Most often the first one tells: a copy whose first hook waits for this reads no more.
  return startTime("self") !== before.startTime || timeOffsets() !== before.timeOffsets || bootId() !== before.bootId;
}

/** A process may give its children another time namespace: then the kernel shows it the offsets of that one. */
export function hasOtherTimeForChildren(): boolean {
  return readProcLink("/proc/self/ns/time") !== readProcLink("/proc/self/ns/time_for_children");
}

function bootId(): string {
  return readOrEmpty("/proc/sys/kernel/random/boot_id");
}
