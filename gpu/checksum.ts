import { crc32 } from "node:zlib";

// zlib's own interface counts bytes in 32 bits.
const PIECE = 2 ** 30;

/** crc32 of any number of bytes. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let start = 0; start < bytes.length; start += PIECE) sum = crc32(bytes.subarray(start, start + PIECE), sum);
  return sum;
}
