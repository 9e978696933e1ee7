import { readSync } from "node:fs";
import { openRegularFile, type RegularFile } from "./regular_file.ts";

const PT_NOTE = 4;
const NT_GNU_BUILD_ID = 3;

/**
 * The build id of a program, in hexadecimal digits (elf(5), ld's --build-id): what tells two builds of the same size apart.
 * Undefined when it has none, or is no 64-bit little-endian program.
 * @throws {ImageError} when there is no such file.
 */
export function buildIdOf(path: string): string | undefined {
  using file = openRegularFile(path);
  const header = readAt(file, 0, 64);
  if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46 || header.readUInt16BE(4) !== 0x0201)
    return undefined;
  const at = Number(header.readBigUInt64LE(32));
  const size = header.readUInt16LE(54);
  if (size < 56) return undefined;
  const table = readAt(file, at, Math.min(header.readUInt16LE(56), 64) * size);
  for (let entry = 0; entry + 56 <= table.length; entry += size) {
    if (table.readUInt32LE(entry) !== PT_NOTE) continue;
    const offset = Number(table.readBigUInt64LE(entry + 8));
    const length = Math.min(Number(table.readBigUInt64LE(entry + 32)), 4096);
    const found = buildIdIn(readAt(file, offset, length));
    if (found) return found;
  }
  return undefined;
}

function buildIdIn(notes: Buffer): string | undefined {
  const aligned = (length: number): number => (length + 3) & ~3;
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameBytes = notes.readUInt32LE(at);
    const bytes = notes.readUInt32LE(at + 4);
    const content = at + 12 + aligned(nameBytes);
    if (nameBytes > notes.length || content + bytes > notes.length) return undefined;
    const isGnu = notes.toString("latin1", at + 12, at + 16) === "GNU\0";
    if (isGnu && notes.readUInt32LE(at + 8) === NT_GNU_BUILD_ID) return notes.toString("hex", content, content + bytes);
    at = content + aligned(bytes);
  }
  return undefined;
}

function readAt({ fd, stat }: RegularFile, position: number, length: number): Buffer {
  if (!(position >= 0 && position < stat.size)) return Buffer.alloc(0);
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
}
