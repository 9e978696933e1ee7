import { crc32 } from "node:zlib";

// zlib's own interface counts bytes in 32 bits.
const PIECE = 2 ** 30;

// Small enough that a piece is still in the cache when its checksum is computed.
const CACHED = 2 ** 17;

/** crc32 of any number of bytes; `sum` is that of the bytes before them. */
export function checksum(bytes: Uint8Array, sum = 0): number {
  let total = sum;
  for (let start = 0; start < bytes.length; start += PIECE) total = crc32(bytes.subarray(start, start + PIECE), total);
  return total;
}

/** Copies `from` to `to`, which is as long, and returns the crc32 of it. */
export type Copy = (from: Uint8Array, to: Uint8Array) => number;

/** The copy that is there on any machine. */
export const copyWithChecksum: Copy = (from, to) => {
  if (from.length <= CACHED) {
    to.set(from);
    return crc32(to);
  }
  let sum = 0;
  for (let start = 0; start < from.length; start += CACHED) {
    const piece = to.subarray(start, start + CACHED);
    piece.set(from.subarray(start, start + CACHED));
    sum = crc32(piece, sum);
  }
  return sum;
};
