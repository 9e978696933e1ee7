import { readOrEmpty } from "../../ffi/read_or_empty.ts";

/**
 * Bytes that can be taken at most, as far as the kernel tells: MemAvailable of proc(5) and the limit of this container
 * (cgroup v2). A memfd has no limit of its own: to take more wakes the OOM killer instead of failing.
 */
export function availableMemory(): number {
  const kilobytes = Number(/^MemAvailable:\s*(\d+) kB$/m.exec(readOrEmpty("/proc/meminfo"))?.[1] ?? Number.NaN);
  const limit = Number.parseInt(readOrEmpty("/sys/fs/cgroup/memory.max"), 10);
  return Math.min(...[kilobytes * 1024, limit].filter((bytes) => !Number.isNaN(bytes)));
}
