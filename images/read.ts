import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { executableOf, mappedMemfds, readOpenFiles, readTables } from "./descriptors.ts";
import { memoryOf, pageBytesOf, readMappings } from "./memory.ts";
import { ghostFiles, type Sharer, sharedMemory } from "./shared.ts";
import { readDumpStats, readRestoreStats } from "./stats.ts";
import { readCore, readInventory, readTree } from "./tree.ts";
import type { ImageProcess, Images } from "./types.ts";

/** By CRIU's core_entry.march (images/core.proto), in the words of `uname -m`. */
const machines = ["unknown", "x86_64", "arm", "aarch64", "ppc64", "s390x", "mips", "loongarch64", "riscv64"] as const;
/** By compel's task-state.h. */
const states: Readonly<Record<number, ImageProcess["state"]>> = { 1: "alive", 2: "dead", 3: "stopped", 6: "zombie" };

/**
 * Reads what is in a dump: its processes, their memory and descriptors, shared memory, ghost files, and CRIU's own statistics.
 * The pages themselves are not read. Nothing in the files is believed: a length is compared with the file before it is used.
 *
 * @throws {ImageError} when there is no finished dump in the directory, or one of its files is missing, damaged or truncated.
 * @example
 * ```ts
 * import { readImages } from "criu-aware/images";
 * for (const { pid, name, memory } of readImages("/var/tmp/images").processes) console.log(pid, name, memory.imageBytes);
 * ```
 */
export function readImages(directory: string): Images {
  const path = resolve(directory);
  const inventory = readInventory(path);
  const open = readOpenFiles(path);
  const tasks = readTree(path);
  const cores = tasks.map(({ pid }) => readCore(path, pid));
  const mappings = tasks.map(({ pid }) => readMappings(path, pid));
  const tables = readTables(
    path,
    tasks.map(({ pid }) => pid),
    open,
  );
  const pageBytes = pageBytesOf(mappings.find(Boolean));
  const processes = tasks.map((task, i) => {
    const core = cores[i]?.tc;
    const exe = mappings[i]?.exeFileId;
    return {
      pid: task.pid,
      parent: task.ppid,
      group: task.pgid,
      session: task.sid,
      name: core?.comm ?? "",
      state: states[core?.taskState ?? 0] ?? "unknown",
      threads: task.threads,
      executable: exe === undefined ? undefined : executableOf(open, exe),
      memory: memoryOf(path, task.pid, mappings[i], pageBytes),
      descriptors: tables[i]?.descriptors ?? [],
    };
  });
  const sharers: Sharer[] = tasks.map(({ pid }, i) => ({
    pid,
    mappings: mappings[i],
    memfds: [tables[i]?.memfds ?? new Set(), mappedMemfds(mappings[i], open)],
  }));
  const names = readdirSync(path);
  return {
    directory: path,
    format: inventory.imgVersion,
    arch: machines[cores[0]?.mtype ?? 0] ?? "unknown",
    pageBytes,
    runId: inventory.dumpCriuRunId || undefined,
    plugins: inventory.plugins?.plugins ?? [],
    parent: parentOf(path),
    ownMounts: names.some((name) => /^mountpoints-\d+\.img$/.test(name)),
    processes,
    shared: sharedMemory(path, sharers, open, pageBytes),
    ghosts: ghostFiles(path, open),
    ...sizes(path, names),
    dump: readDumpStats(path),
    restore: readRestoreStats(path),
  };
}

/** The directory of the dump that an incremental one is built on, through CRIU's link `parent`. */
export function parentOf(directory: string): string | undefined {
  const link = join(directory, "parent");
  return existsSync(link) ? realpathSync(link) : undefined;
}

function sizes(directory: string, names: readonly string[]): Pick<Images, "files" | "bytes" | "diskBytes"> {
  const stats = names
    .map((name) => ({ name, stat: statSync(join(directory, name), { throwIfNoEntry: false }) }))
    .flatMap(({ name, stat }) => (stat?.isFile() ? { name, stat } : []));
  const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
  return {
    files: stats.map(({ name, stat }) => ({ name, bytes: stat.size })),
    bytes: sum(stats.map(({ stat }) => stat.size)),
    diskBytes: sum(stats.map(({ stat }) => stat.blocks * 512)),
  };
}
