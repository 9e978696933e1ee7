import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ImageError } from "./errors.ts";
import { ImageReader } from "./image_reader.ts";
import { type Memory, memoryFields } from "./messages/memory.ts";
import { type Place, readPagemap } from "./pagemap.ts";
import type { ImageMemory } from "./types.ts";

// criu/include/image.h
const VMA_ANON_SHARED = 1 << 8;
const VMA_AREA_SYSVIPC = 1 << 10;
const VMA_AREA_MEMFD = 1 << 14;
// getauxval(3)
const AT_PAGESZ = 6n;

/** The mappings of a process; undefined when it had none any more: a zombie. */
export function readMappings(directory: string, pid: number): Memory | undefined {
  const name = `mm-${pid}.img`;
  if (!existsSync(join(directory, name))) return undefined;
  using file = new ImageReader(directory, name, "mm");
  const memory = file.need(memoryFields);
  if (memory.vmas.every(({ start, end }) => start <= end)) return memory;
  throw new ImageError(file.path, "is damaged: it names a mapping that ends before it begins");
}

/** The size of a page, as the kernel told the process. */
export function pageBytesOf(mappings: Memory | undefined): number {
  const vector = mappings?.mmSavedAuxv ?? [];
  for (let i = 0; i + 1 < vector.length; i += 2) {
    const size = Number(vector[i + 1]);
    if (vector[i] === AT_PAGESZ && [4096, 16384, 65536].includes(size)) return size;
  }
  return 4096;
}

/** The size of a page in a dump. */
export function pageBytesIn(directory: string): number {
  const pid = readdirSync(directory).flatMap((name) => /^mm-(\d+)\.img$/.exec(name)?.[1] ?? [])[0];
  return pageBytesOf(pid === undefined ? undefined : readMappings(directory, Number(pid)));
}

/** How much of the memory that a pagemap file describes is where. */
export function measure(directory: string, pagemap: string, pageBytes: number): Record<Place, number> {
  const sums: Record<Place, number> = { image: 0, parent: 0, lazy: 0 };
  if (!existsSync(join(directory, pagemap))) return sums;
  for (const { place, bytes } of readPagemap(directory, pagemap, pageBytes)) sums[place] += bytes;
  return sums;
}

/** The memory that a restore of a dump reads: that of the dumps it is built on included. */
export function memoryIn(directory: string): number {
  const pageBytes = pageBytesIn(directory);
  return readdirSync(directory)
    .filter((name) => /^pagemap-.*\.img$/.test(name))
    .map((name) => measure(directory, name, pageBytes))
    .reduce((sum, { image, parent }) => sum + image + parent, 0);
}

/** The memory of one process. */
export function memoryOf(directory: string, pid: number, mappings: Memory | undefined, pageBytes: number): ImageMemory {
  const { image, parent, lazy } = measure(directory, `pagemap-${pid}.img`, pageBytes);
  const mappedBytes = (mappings?.vmas ?? []).reduce((sum, { start, end }) => sum + Number(end - start), 0);
  return { mappedBytes, imageBytes: image, parentBytes: parent, lazyBytes: lazy };
}

/** The anonymous shared mappings of a process: number and size. */
export function anonymousShared(mappings: Memory | undefined): { readonly id: number; readonly bytes: number }[] {
  return (mappings?.vmas ?? [])
    .filter(({ status }) => status & VMA_ANON_SHARED && !(status & (VMA_AREA_SYSVIPC | VMA_AREA_MEMFD)))
    .map(({ shmid, start, end }) => ({ id: Number(shmid), bytes: Number(end - start) }));
}
