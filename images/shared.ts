import { readdirSync } from "node:fs";
import type { OpenFiles } from "./descriptors.ts";
import { GhostSchema } from "./files_pb.ts";
import { ImageReader } from "./image_reader.ts";
import { anonymousShared, measure } from "./memory.ts";
import type { Memory } from "./memory_pb.ts";
import type { GhostFile, SharedMemory } from "./types.ts";

/** What one process shares. */
export interface Sharer {
  readonly pid: number;
  readonly mappings: Memory | undefined;
  readonly memfds: ReadonlySet<number>;
}

/** All memfds and anonymous shared mappings of the tree. */
export function sharedMemory(
  directory: string,
  sharers: readonly Sharer[],
  open: OpenFiles,
  pageBytes: number,
): SharedMemory[] {
  const imageBytes = (id: number): number => measure(directory, `pagemap-shmem-${id}.img`, pageBytes).image;
  const memfds = [...open.memfds].map(([inode, { name, size, shmid }]) => ({
    kind: "memfd" as const,
    name,
    id: shmid,
    bytes: Number(size),
    imageBytes: imageBytes(shmid),
    pids: sharers.filter((sharer) => sharer.memfds.has(inode)).map(({ pid }) => pid),
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
    const { chunks, size } = image.need(GhostSchema);
    // Without chunks the whole content follows; with them only what is no hole.
    const bytes = chunks ? Number(size) : image.rest;
    return { file, path: open.ghostPaths.get(Number.parseInt(id, 16)), bytes };
  });
}
