import { readlinkSync, statSync } from "node:fs";
import { buildIdOf } from "./build_id.ts";
import type { Executable, Images } from "./types.ts";

/** The programs that the processes of a dump run, each once. */
export interface Programs {
  readonly programs: readonly Executable[];
  /** Whether their paths are those of a container. */
  readonly ownMounts: boolean;
}

/** Of running processes, the root of their tree first. Those that may not be looked into, or have just ended, are left out. */
export function programsOf(pids: readonly number[]): Programs {
  const programs = pids.flatMap((pid) => {
    const exe = `/proc/${pid}/exe`;
    try {
      const path = readlinkSync(exe);
      // It is in the image, and not looked for at a restore.
      if (path.endsWith(" (deleted)")) return [];
      return { path, bytes: statSync(exe).size, buildId: buildIdOf(exe) };
    } catch {
      return [];
    }
  });
  return { programs: eachOnce(programs), ownMounts: mountsOf(pids[0]) !== mountsOf("self") };
}

/** Of a dump. */
export function programsIn({ processes, ownMounts }: Images): Programs {
  return { programs: eachOnce(processes.flatMap(({ executable }) => executable ?? [])), ownMounts };
}

function eachOnce(programs: readonly Executable[]): Executable[] {
  return [...new Map(programs.map((program) => [program.path, program])).values()];
}

function mountsOf(pid: number | "self" | undefined): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return "";
  }
}
