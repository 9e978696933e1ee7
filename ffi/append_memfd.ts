import { constants, openSync } from "node:fs";
import { cString } from "./bytes.ts";
import { fileCalls } from "./files.ts";
import { watchWrites } from "./inotify.ts";
import type { Libc } from "./libc.ts";
import { memfdDevice } from "./memfd_device.ts";
import { openChecked } from "./open_checked.ts";
import type { Bound } from "./runtime.ts";
import { type FileStat, statOf } from "./stat.ts";

const MFD_CLOEXEC = 1;
const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;
const LOCK_NB = 4;
const SEEK_DATA = 3;
// linux/falloc.h
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const symbols = {
  fallocate: [["i32", "i32", "i64", "i64"], "i32"],
  pread: [["i32", "buffer", "usize", "i64"], "i64"],
} as const;

/** A file in memory (memfd_create(2)) to which other processes append. Disposal closes it here. */
export class AppendMemfd implements Disposable {
  // By libc: Deno's node:fs knows no descriptor that it has not opened.
  readonly #libc: Libc;
  readonly #calls: Bound<typeof symbols>;
  readonly #fd: number;

  private constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#calls = libc.runtime.dlopen(libc.soname, symbols);
    this.#fd = fd;
  }

  /** Makes an empty one. `name` is what /proc shows. */
  static create(libc: Libc, name: string): AppendMemfd {
    return new AppendMemfd(libc, libc.check(libc.memfd_create(cString(name), MFD_CLOEXEC), `create the memfd ${name}`));
  }

  /**
   * Opens one that another process has, by its path in /proc.
   * @throws {Error} when it is no memfd, whatever its name is: any file may be called like one.
   */
  static open(libc: Libc, path: string): AppendMemfd {
    const { open } = fileCalls(libc);
    const fd = openChecked(
      path,
      constants.O_RDWR,
      (held) => {
        const { type, device } = statOf(libc, held);
        if (type !== "file" || device !== memfdDevice(libc)) throw new Error("it is no memfd.");
      },
      { open: (path, flags) => libc.check(open(cString(path), flags, 0), `open ${path}`), close: libc.close },
    );
    return new AppendMemfd(libc, fd);
  }

  /** Its size, its owner, and the number of it, by which it is known again. */
  stat(): Pick<FileStat, "bytes" | "inode" | "uid"> {
    return statOf(this.#libc, this.#fd);
  }

  /** Opens it for a program, write-only and for appending; whoever calls this closes it. */
  openToAppend(): number {
    return openSync(`/proc/self/fd/${this.#fd}`, constants.O_WRONLY | constants.O_APPEND);
  }

  /** Opens it to be read, or run; whoever calls this closes it. */
  openToRead(): number {
    const path = cString(`/proc/self/fd/${this.#fd}`);
    return this.#libc.check(fileCalls(this.#libc).open(path, constants.O_RDONLY | O_CLOEXEC, 0), "open a memfd");
  }

  /** Reads what is there from `position` on, as much as fits. Returns the number of bytes. */
  read(buffer: Uint8Array, position: number): number {
    return Number(this.#calls.pread(this.#fd, buffer, buffer.length, position));
  }

  /** Where something was written, from `position` on; undefined when nothing was: a file may say that it has any size. */
  nextData(position: number): number | undefined {
    const found = Number(fileCalls(this.#libc).lseek(this.#fd, position, SEEK_DATA));
    return found < 0 ? undefined : found;
  }

  /** Gives memory back: these bytes will not be read any more. The size stays what it is. */
  forget(position: number, bytes: number): void {
    this.#calls.fallocate(this.#fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, position, bytes);
  }

  /** Writes at its beginning. */
  write(bytes: Uint8Array): void {
    fileCalls(this.#libc).write(this.#fd, bytes, bytes.length);
  }

  /** Locks it (flock(2)) until disposal, or the end of this process; false when another process has the lock. */
  tryLock(): boolean {
    return fileCalls(this.#libc).flock(this.#fd, LOCK_EX | LOCK_NB) === 0;
  }

  /** Calls `onWrite` after something was written, until disposal. */
  watch(onWrite: () => void): Disposable {
    return watchWrites(this.#libc, this.#fd, onWrite);
  }

  [Symbol.dispose](): void {
    this.#libc.close(this.#fd);
  }
}
