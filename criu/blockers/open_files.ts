import type { Libc } from "../../ffi/libc.ts";
import { scanCalls } from "./calls.ts";

const O_CLOEXEC = 0o2000000;
const O_DIRECTORY_CLOEXEC = O_CLOEXEC | (process.arch === "arm64" ? 0o40000 : 0o200000);
// A number for each architecture: asm-generic/unistd.h and syscall_64.tbl. Old musl has no statx().
const SYS_STATX = process.arch === "arm64" ? 291 : 332;
// A network file system is not asked for news.
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;
const LONGEST_PATH = 4096;

/** The type of a file: st_mode's S_IFMT of inode(7). */
export type FileType = "file" | "directory" | "character" | "block" | "other";
const types: ReadonlyMap<number, FileType> = new Map([
  [0o100000, "file"],
  [0o40000, "directory"],
  [0o20000, "character"],
  [0o60000, "block"],
]);

/** What statx(2) says of an open file. */
export interface FileState {
  readonly type: FileType;
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

/** A directory of /proc about descriptors or mappings: /proc/pid/fd, fdinfo or map_files. */
export interface ProcDirectory extends Disposable {
  /** The text of a file (at most its first 4 KiB); "" when it is gone. */
  text(name: string): string;
  /** Where a link points to, as text; undefined when it is gone. */
  link(name: string): string | undefined;
  /** What is behind a link; undefined when it is gone, or may not be looked at. */
  state(name: string): FileState | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const name = new Uint8Array(64);
/** What `name` holds: the same one is most often asked for twice or more. */
let named = "";
const text = new Uint8Array(LONGEST_PATH);
const status = new Uint8Array(256);
const fields = new DataView(status.buffer);

/** Opens such a directory; undefined when there is none, or it may not be read. */
export function openDirectory(libc: Libc, path: string): ProcDirectory | undefined {
  const calls = scanCalls(libc);
  const directory = calls.open(encoder.encode(`${path}\0`), O_DIRECTORY_CLOEXEC, 0);
  if (directory < 0) return undefined;
  const setName = (entry: string): void => {
    if (entry === named) return;
    name[encoder.encodeInto(entry, name).written] = 0;
    named = entry;
  };
  return {
    text(entry) {
      setName(entry);
      const file = calls.openat(directory, name, O_CLOEXEC, 0);
      if (file < 0) return "";
      const length = calls.read(file, text, text.length);
      libc.close(file);
      return length < 0 ? "" : decoder.decode(text.subarray(0, length));
    },
    link(entry) {
      setName(entry);
      const length = calls.readlinkat(directory, name, text, text.length);
      return length < 0 ? undefined : decoder.decode(text.subarray(0, length));
    },
    state(entry) {
      setName(entry);
      const failed = calls.syscall(SYS_STATX, directory, name, AT_STATX_DONT_SYNC, STATX_BASIC_STATS, status) < 0;
      return failed ? undefined : readState();
    },
    [Symbol.dispose]: () => void libc.close(directory),
  };
}

/** struct statx (linux/stat.h): the same on every architecture. */
function readState(): FileState {
  const u32 = (offset: number): number => fields.getUint32(offset, true);
  const u64 = (offset: number): number => Number(fields.getBigUint64(offset, true));
  return {
    type: types.get(fields.getUint16(28, true) & S_IFMT) ?? "other",
    links: u32(16),
    inode: u64(32),
    diskBytes: u64(48) * 512,
    major: u32(128),
    minor: u32(132),
    device: `${u32(136)}:${u32(140)}`,
  };
}
