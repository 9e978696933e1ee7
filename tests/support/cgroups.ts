import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** A hierarchy in which a test may make cgroups: that of cgroups(7), version 2, or one of version 1. */
export function cgroupRoot(): string | undefined {
  return ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"].find((root) => {
    if (!existsSync(join(root, "cgroup.procs"))) return false;
    const trial = join(root, `criu-aware-trial-${process.pid}`);
    try {
      mkdirSync(trial);
      rmdirSync(trial);
      return true;
    } catch {
      return false;
    }
  });
}
