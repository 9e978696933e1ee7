import { readdirSync } from "node:fs";
import type { OpenFiles } from "./descriptors.ts";
import { ImageReader } from "./image_reader.ts";
import { anonymousShared, measure } from "./memory.ts";
import { ghostFields } from "./messages/files.ts";
import type { Memory } from "./messages/memory.ts";
import type { GhostFile, SharedMemory } from "./types.ts";

/** What one process shares. */
export interface Sharer {
  readonly pid: number;
  readonly mappings: Memory | undefined;
  /** The inodes of the memfds that it has open, and of those that it has mapped. */
  readonly memfds: readonly ReadonlySet<number>[];
}

/** All memfds and anonymous shared mappings of the tree. */
export function sharedMemory(
  directory: string,
  sharers: readonly Sharer[],
  open: OpenFiles,
  pageBytes: number,
): SharedMemory[] {
  const measured = new Map<number, number>();
  const imageBytes = (id: number): number => {
    const bytes = measured.get(id) ?? measure(directory, `pagemap-shmem-${id}.img`, pageBytes).image;
    measured.set(id, bytes);
    return bytes;
  };
  const holders = new Map<number, Set<number>>();
  for (const { pid, memfds } of sharers) {
    for (const inode of memfds.flatMap((inodes) => [...inodes])) {
      holders.set(inode, (holders.get(inode) ?? new Set()).add(pid));
    }
  }
  const memfds = [...open.memfds].map(([inode, { name, size, shmid }]) => ({
    kind: "memfd" as const,
    name,
    id: shmid,
    bytes: Number(size),
    imageBytes: imageBytes(shmid),
    pids: [...(holders.get(inode) ?? [])],
  }));
  const mapped = new Map<number, { bytes: number; pids: Set<number> }>();
  for (const { pid, mappings } of sharers) {
    for (const { id, bytes } of anonymousShared(mappings)) {
      const one = mapped.get(id) ?? { bytes: 0, pids: new Set() };
      mapped.set(id, { bytes: Math.max(one.bytes, bytes), pids: one.pids.add(pid) });
    }
  }
  const anonymous = [...mapped].map(([id, { bytes, pids }]) => ({
    kind: "anonymous" as const,
    name: undefined,
    id,
    bytes,
    imageBytes: imageBytes(id),
    pids: [...pids],
  }));
  return [...memfds, ...anonymous];
}

/** The deleted files whose content is in the image. */
export function ghostFiles(directory: string, open: OpenFiles): GhostFile[] {
  return readdirSync(directory).flatMap((file) => {
    const id = /^ghost-file-([0-9a-f]+)\.img$/.exec(file)?.[1];
    if (id === undefined) return [];
    using image = new ImageReader(directory, file, "ghost-file");
    const { chunks, size } = image.need(ghostFields);
    // Without chunks the whole content follows; with them only what is no hole.
    const bytes = chunks ? Number(size ?? 0) : image.rest;
    return { file, path: open.ghostPaths.get(Number.parseInt(id, 16)), bytes };
  });
}
