import { closeSync, openSync, readSync } from "node:fs";

/** What can be read from a descriptor, from where it stands, until its end: `mostBytes` of it at most. Its size does not matter. */
export function readUpTo(fd: number, mostBytes: number): Buffer {
  const bytes = Buffer.alloc(mostBytes);
  let length = 0;
  for (let count = -1; count !== 0 && length < mostBytes; length += count) {
    count = readSync(fd, bytes, length, mostBytes - length, null);
  }
  return bytes.subarray(0, length);
}

/** The beginning of a file of /proc, of which a process decides itself how much there is. Throws when it cannot be read. */
export function beginningOfProc(path: string, mostBytes: number): Buffer {
  const fd = openSync(path, "r");
  try {
    return readUpTo(fd, mostBytes);
  } finally {
    closeSync(fd);
  }
}
