import { existsSync } from "node:fs";
import { join } from "node:path";
import { ImageReader } from "./image_reader.ts";
import { type Stats, statsFields } from "./messages/stats.ts";
import type { DumpStats, RestoreStats } from "./types.ts";

/**
 * What CRIU says of the dump in this directory; undefined when it said nothing (its working directory was another).
 * @throws {ImageError} when the file is damaged.
 */
export function readDumpStats(directory: string): DumpStats | undefined {
  const counts = read(directory, "stats-dump")?.dump;
  return (
    counts && {
      freezingMs: counts.freezingTime / 1000,
      frozenMs: counts.frozenTime / 1000,
      memdumpMs: counts.memdumpTime / 1000,
      memwriteMs: counts.memwriteTime / 1000,
      pagesScanned: Number(counts.pagesScanned),
      pagesSkippedParent: Number(counts.pagesSkippedParent),
      pagesWritten: Number(counts.pagesWritten),
      pagesLazy: Number(counts.pagesLazy),
      sharedPagesScanned: Number(counts.shpagesScanned ?? 0),
      sharedPagesWritten: Number(counts.shpagesWritten ?? 0),
    }
  );
}

/** What CRIU says of the last restore from this directory, like {@linkcode readDumpStats}. */
export function readRestoreStats(directory: string): RestoreStats | undefined {
  const counts = read(directory, "stats-restore")?.restore;
  return (
    counts && {
      forkingMs: counts.forkingTime / 1000,
      restoreMs: counts.restoreTime / 1000,
      pagesCompared: Number(counts.pagesCompared),
      pagesSkippedCow: Number(counts.pagesSkippedCow),
      pagesRestored: Number(counts.pagesRestored ?? 0),
    }
  );
}

function read(directory: string, name: string): Stats | undefined {
  if (!existsSync(join(directory, name))) return undefined;
  using file = new ImageReader(directory, name, "stats");
  return file.need(statsFields);
}
