import { readdirSync, readlinkSync } from "node:fs";

/** A segment that a process holds open. */
export interface FoundSegment {
  /** `/proc/PID/fd/N`: works also when the segment has no name, and from outside of its container. */
  readonly path: string;
  /** `/dev/shm/NAME.0`, or `memfd`. */
  readonly name: string;
}

/**
 * The segments of states that a process holds open; each slot is one.
 * @throws {Error} of node:fs when there is no such process (ENOENT) or it may not be looked at (EACCES).
 */
export function findSegments(pid: number): FoundSegment[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).flatMap((fd) => {
    const path = `${directory}/${fd}`;
    const target = linkOf(path);
    if (target.startsWith("/memfd:criu-aware-state")) return [{ path, name: "memfd" }];
    // One that a later save replaced under its name is not the state any more.
    return /^\/dev\/shm\/[^/]+\.[01]$/.test(target) ? [{ path, name: target }] : [];
  });
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
