import { cString } from "./bytes.ts";
import type { Libc } from "./libc.ts";

/** A number for each architecture: asm-generic/unistd.h and syscall_64.tbl. Old musl has no statx(). */
export const SYS_STATX: number = process.arch === "arm64" ? 291 : 332;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;

/** The type of a file: st_mode's S_IFMT of inode(7). */
export type FileType = "file" | "directory" | "character" | "block" | "other";
const types: ReadonlyMap<number, FileType> = new Map([
  [0o100000, "file"],
  [0o40000, "directory"],
  [0o20000, "character"],
  [0o60000, "block"],
]);

/** What statx(2) says of a file. */
export interface FileStat {
  readonly type: FileType;
  /** Its owner. */
  readonly uid: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  readonly inode: number;
  /** How many names it has. */
  readonly links: number;
  /** What it takes on disk, in bytes. */
  readonly diskBytes: number;
  /** Of a device file. */
  readonly major: number;
  readonly minor: number;
}

const status = new Uint8Array(256);
const noPath = cString("");

/** What is known of an open file. Throws SystemCallError. */
export function statOf(libc: Libc, fd: number): FileStat {
  const { addressOf } = libc.runtime;
  const at = [addressOf(noPath), AT_EMPTY_PATH, STATX_BASIC_STATS, addressOf(status)] as const;
  libc.check(libc.syscall(SYS_STATX, fd, ...at, 0), `look at descriptor ${fd}`);
  return parseStatx(status);
}

/** Reads a struct statx (linux/stat.h): the same on every architecture. */
export function parseStatx(bytes: Uint8Array): FileStat {
  const fields = new Uint32Array(bytes.buffer, bytes.byteOffset, 36);
  const u32 = (offset: number): number => fields[offset / 4] as number;
  const u64 = (offset: number): number => u32(offset) + u32(offset + 4) * 2 ** 32;
  return {
    // stx_mode has 16 bits, and what follows it is nothing.
    type: types.get(u32(28) & S_IFMT) ?? "other",
    links: u32(16),
    uid: u32(20),
    inode: u64(32),
    diskBytes: u64(48) * 512,
    major: u32(128),
    minor: u32(132),
    device: `${u32(136)}:${u32(140)}`,
  };
}
