import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ImageError } from "./errors.ts";
import { ImageReader } from "./image_reader.ts";
import { pagemapEntryFields, pagemapHeadFields } from "./messages/memory.ts";

// criu/include/pagemap.h
const PE_PARENT = 1;
const PE_PRESENT = 4;

/** Where a run of pages is: in the pages file of this dump, in that of its parent, or with the page server. */
export type Place = "image" | "parent" | "lazy";

/** Pages that follow one another in memory. */
export interface Run {
  /** An address in the process; in shared memory the offset from its beginning. */
  readonly address: bigint;
  readonly bytes: number;
  readonly place: Place;
  /** Where in the pages file it begins; of use for the place `image` only. */
  readonly offset: number;
}

/** The name of the pages file that a pagemap file belongs to. */
export function pagesFileOf(directory: string, pagemap: string): string {
  using file = new ImageReader(directory, pagemap, "pagemap");
  return pagesName(file.need(pagemapHeadFields).pagesId);
}

/**
 * The runs of one pagemap file, in the order of their addresses.
 * @throws {ImageError} when it is damaged, or its pages file is missing or shorter than it says.
 */
export function* readPagemap(directory: string, pagemap: string, pageBytes: number): Generator<Run> {
  using file = new ImageReader(directory, pagemap, "pagemap");
  const pages = join(directory, pagesName(file.need(pagemapHeadFields).pagesId));
  let offset = 0;
  for (const entry of file.all(pagemapEntryFields)) {
    // Older CRIUs wrote neither the flags nor the wide count.
    const flags = entry.inParent ? PE_PARENT : entry.flags || PE_PRESENT;
    const bytes = Number(entry.nrPages || BigInt(entry.compatNrPages)) * pageBytes;
    const place = flags & PE_PARENT ? "parent" : flags & PE_PRESENT ? "image" : "lazy";
    yield { address: entry.vaddr, bytes, place, offset };
    if (place === "image") offset += bytes;
  }
  if (offset > sizeOf(pages)) {
    throw new ImageError(
      pages,
      existsSync(pages) ? `is truncated: ${pagemap} needs ${offset} bytes of it` : "is missing",
    );
  }
}

/** The pagemap files of a directory, and whose memory each describes. */
export function pagemapsOf(
  directory: string,
): { readonly name: string; readonly pid?: number; readonly sharedId?: number }[] {
  return readdirSync(directory).flatMap((name) => {
    const [, shared, id] = /^pagemap-(shmem-)?(\d+)\.img$/.exec(name) ?? [];
    if (id === undefined) return [];
    return shared ? { name, sharedId: Number(id) } : { name, pid: Number(id) };
  });
}

function pagesName(id: number): string {
  return `pages-${id}.img`;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
