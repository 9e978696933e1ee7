import { isArm64 } from "./arm64.ts";
import { cString } from "./bytes.ts";
import { fileCalls } from "./files.ts";
import type { Libc } from "./libc.ts";
import type { Bound } from "./runtime.ts";

// Only this module needs them, so that an app without the file strategy does not carry them.
const symbols = {
  fchmod: [["i32", "u32"], "i32"],
  openat: [["i32", "buffer", "i32", "u32"], "i32"],
  unlinkat: [["i32", "buffer", "i32"], "i32"],
} as const;
let bound: Bound<typeof symbols> | undefined;

// renameat2(2), by number, for old musl has none: asm/unistd_64.h (x86-64), asm-generic/unistd.h (aarch64).
const SYS_RENAMEAT2 = isArm64 ? 276 : 316;
const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
const O_WRONLY_CREAT_EXCL_CLOEXEC = 0o1 | 0o100 | 0o200 | 0o2000000;

/** A name in a directory. With an open directory no path is resolved a second time, so nobody can put another one in its place. */
export interface Entry {
  /** A descriptor of the directory. */
  readonly directory: number;
  readonly name: string;
}

/** The entry that a path names, for one who trusts the path. */
export function entryAt(path: string): Entry {
  return { directory: AT_FDCWD, name: path };
}

/** Opens an entry; returns -1, with errno, when that fails. */
export function openEntry(libc: Libc, { directory, name }: Entry, flags: number, mode = 0): number {
  return calls(libc).openat(directory, cString(name), flags, mode);
}

/** Makes a new file with this content, which everybody may read, whatever the umask is. Throws SystemCallError, and then leaves no file. */
export function createEntry(libc: Libc, entry: Entry, content: Uint8Array): void {
  const { fchmod } = calls(libc);
  const fd = libc.check(openEntry(libc, entry, O_WRONLY_CREAT_EXCL_CLOEXEC, 0o600), `create ${entry.name}`);
  try {
    libc.check(fchmod(fd, 0o644), `let others read ${entry.name}`);
    // A disk that is nearly full takes a part.
    for (let done = 0; done < content.length; ) {
      const rest = content.subarray(done);
      done += Number(libc.check(fileCalls(libc).write(fd, rest, rest.length), `write ${entry.name}`));
    }
  } catch (error) {
    removeEntry(libc, entry);
    throw error;
  } finally {
    libc.close(fd);
  }
}

/** Renames an entry over `other`, which belongs to the same file system. Throws SystemCallError. */
export function renameEntry(libc: Libc, one: Entry, other: Entry): void {
  libc.check(rename(libc, one, other, 0), `rename ${one.name} to ${other.name}`);
}

/** Lets two entries change places in one step; false where the file system cannot, or one of them is not there. */
export function exchangeEntries(libc: Libc, one: Entry, other: Entry): boolean {
  return rename(libc, one, other, RENAME_EXCHANGE) === 0n;
}

/** Removes a file. One that is not there, or that cannot be removed, is no error. */
export function removeEntry(libc: Libc, { directory, name }: Entry): void {
  calls(libc).unlinkat(directory, cString(name), 0);
}

function rename(libc: Libc, one: Entry, other: Entry, flags: number): bigint {
  const [from, to] = [cString(one.name), cString(other.name)];
  const { addressOf } = libc.runtime;
  return libc.syscall(SYS_RENAMEAT2, one.directory, addressOf(from), other.directory, addressOf(to), flags, 0);
}

function calls(libc: Libc): Bound<typeof symbols> {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  return bound;
}
