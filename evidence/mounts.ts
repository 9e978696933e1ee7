import { readMounts as readAll } from "../blockers/proc.ts";
import { differences, type Evidence } from "./evidence.ts";

/** A mount that this process sees: proc_pid_mountinfo(5). */
export interface MountReading {
  /** The kernel's number of the mount. */
  readonly id: number;
  /** Where it is, as the kernel writes it: a blank is `\040`. */
  readonly point: string;
  /** The file system's `major:minor`. */
  readonly device: string;
}

/** What has changed between two readings. */
export interface MountEvidence extends Evidence {
  /** Mounts that were not there. */
  readonly added: readonly MountReading[];
  /** Mounts that are gone. */
  readonly removed: readonly MountReading[];
}

/** Reads the mounts; none where /proc cannot be read. */
export function readMounts(): MountReading[] {
  return [...readAll("self").values()].map(({ id, point, device }) => ({ id, point, device }));
}

/**
 * Weak evidence: CRIU makes the mounts of a container anew, and none of them has the number that it had.
 *
 * **Says restore, and there was none:** the process was moved to another mount namespace, or the readings are of two programs in two of
 * them, as before and after a restart in a container. (A mount that comes or goes is among `added` and `removed`, and no more.)
 *
 * **Says nothing, and there was one:** the process has no mount namespace of its own; then CRIU leaves the mounts as they are.
 *
 * @example
 * ```ts
 * import { compareMounts, readMounts } from "criu-aware/evidence";
 *
 * const before = readMounts();
 * // Later.
 * console.log(compareMounts(before, readMounts()).suggestsRestore);
 * ```
 */
export function compareMounts(before: readonly MountReading[], after: readonly MountReading[]): MountEvidence {
  const { added, removed } = differences(before, after, ({ id, point, device }) => `${id} ${point} ${device}`);
  const isAllNew = removed.length === before.length && removed.length * added.length > 0;
  return { suggestsRestore: isAllNew, added, removed };
}
