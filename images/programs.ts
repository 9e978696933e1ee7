import { readlinkSync, statSync } from "node:fs";
import { buildIdOf } from "./build_id.ts";
import { type DescribeOptions, describeProgram } from "./identity/describe.ts";
import type { Program } from "./identity/program.ts";
import type { Executable, Images } from "./types.ts";

/** The programs that the processes of a dump run, each once. */
export interface Programs {
  /** By their paths. */
  readonly programs: readonly Executable[];
  /** Whether their paths are those of a container. */
  readonly ownMounts: boolean;
  /** What the tree is; undefined when only its images are known. */
  readonly program?: Program;
}

/** Of running processes, the root of their tree first. Those that may not be looked into, or have just ended, are left out. */
export function programsOf(pids: readonly number[], options: Omit<DescribeOptions, "ownMounts"> = {}): Programs {
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
  const ownMounts = mountsOf(pids[0]) !== mountsOf("self");
  const program = describeProgram(pids, { ...options, ownMounts });
  return { programs: eachOnce(programs), ownMounts, ...(program ? { program } : {}) };
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
