import { readOrEmpty } from "../ffi/read_or_empty.ts";

/**
 * True when the cgroup freezer holds a process (a paused container): it could not answer a notice. Both versions of cgroups,
 * at their usual mount points: cgroups(7).
 */
export function isPaused(pid: number): boolean {
  return readOrEmpty(`/proc/${pid}/cgroup`)
    .split("\n")
    .some((line) => {
      const [, controllers = "", path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      if (path === undefined) return false;
      if (controllers.split(",").includes("freezer")) {
        return /^FR/.test(readOrEmpty(`/sys/fs/cgroup/freezer${path}/freezer.state`));
      }
      const roots = controllers === "" ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] : [];
      return roots.some((root) => /^frozen 1$/m.test(readOrEmpty(`${root}${path}/cgroup.events`)));
    });
}
