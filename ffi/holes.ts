import type { Stats } from "node:fs";

/** Bytes that may be holes: to read them takes some seconds. */
const MANY_HOLES = 2 ** 34;
/** How many times smaller than its content a file may be on a file system that compresses. */
const COMPRESSED = 16;

/**
 * What is wrong with a file, or with several by their sums, when next to all of it is holes; undefined when nothing is. A file of some
 * bytes may say that it has any number: to read it would never end. One that is compressed is not so small.
 */
export function describeHoles({ size, blocks }: Pick<Stats, "size" | "blocks">): string | undefined {
  const there = blocks * 512;
  if (size <= MANY_HOLES || there > size / COMPRESSED) return undefined;
  return `it says that it has ${size} bytes, and has ${there}: the rest are holes. Copy it without them.`;
}
