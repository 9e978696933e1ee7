import { isArm64 } from "./arm64.ts";
import { cString } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import type { Bound } from "./runtime.ts";

// By number, for old musl has no statx(): number, directory, path, flags, mask, result. No bigint, which takes longer than the call.
const symbols = { syscall: [["i32", "i32", "buffer", "i32", "u32", "buffer"], "i32"] } as const;
let bound: Bound<typeof symbols> | undefined;

// A number for each architecture: asm-generic/unistd.h and syscall_64.tbl.
const SYS_STATX = isArm64 ? 291 : 332;
const AT_EMPTY_PATH = 0x1000;
// A network file system, or a program that plays one (FUSE) and could keep us waiting, is not asked for news.
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;

/** The type of a file: st_mode's S_IFMT of inode(7). */
export type FileType = "file" | "directory" | "character" | "block" | "socket" | "other";
const types: ReadonlyMap<number, FileType> = new Map([
  [0o100000, "file"],
  [0o40000, "directory"],
  [0o20000, "character"],
  [0o60000, "block"],
  [0o140000, "socket"],
]);

/** What statx(2) says of a file. */
export interface FileStat {
  readonly type: FileType;
  /** Its owner. */
  readonly uid: number;
  /** Its permission bits, with set-user-ID, set-group-ID and sticky: the lower twelve of st_mode. */
  readonly mode: number;
  /** When its content was changed last, in milliseconds since 1970. */
  readonly modifiedAt: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  readonly inode: number;
  /** Its size. */
  readonly bytes: number;
  /** How many names it has. */
  readonly links: number;
  /** What it takes on disk, in bytes. */
  readonly diskBytes: number;
  /** Of a device file. */
  readonly major: number;
  readonly minor: number;
}

const status = new Uint8Array(256);
const fields = new Uint32Array(status.buffer);
const itself = cString("");

/** What is known of an open file, or of one that is held by O_PATH. Throws SystemCallError. */
export function statOf(libc: Libc, fd: number): FileStat {
  libc.check(statx(libc, fd, itself, AT_EMPTY_PATH | AT_STATX_DONT_SYNC), `look at descriptor ${fd}`);
  return result();
}

/** What is known of the file `name`, NUL-terminated, in an open directory; undefined when it is gone, or may not be looked at. */
export function statAt(libc: Libc, directory: number, name: Uint8Array): FileStat | undefined {
  return statx(libc, directory, name, AT_STATX_DONT_SYNC) < 0 ? undefined : result();
}

function statx(libc: Libc, directory: number, name: Uint8Array, flags: number): number {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  return bound.syscall(SYS_STATX, directory, name, flags, STATX_BASIC_STATS, status);
}

/** struct statx (linux/stat.h): the same on every architecture. */
function result(): FileStat {
  const u32 = (offset: number): number => fields[offset / 4] as number;
  const u64 = (offset: number): number => u32(offset) + u32(offset + 4) * 2 ** 32;
  return {
    // stx_mode has 16 bits, and what follows it is nothing.
    type: types.get(u32(28) & S_IFMT) ?? "other",
    links: u32(16),
    uid: u32(20),
    mode: u32(28) & 0o7777,
    modifiedAt: u64(112) * 1000 + u32(120) / 1e6,
    inode: u64(32),
    bytes: u64(40),
    diskBytes: u64(48) * 512,
    major: u32(128),
    minor: u32(132),
    device: `${u32(136)}:${u32(140)}`,
  };
}
