import { drain } from "#reader";
import { cString } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import type { Bound } from "./runtime.ts";

// Only this module needs them, so that an app without the file strategy does not carry them.
const symbols = {
  inotify_add_watch: [["i32", "buffer", "u32"], "i32"],
  inotify_init1: [["i32"], "i32"],
} as const;
let bound: Bound<typeof symbols> | undefined;

const IN_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const IN_MODIFY = 0x2;
const IN_CLOSE_WRITE = 0x8;
const IN_MOVED_TO = 0x80;
const IN_MOVE_SELF = 0x800;
const IN_ONLYDIR = 0x01000000;

/** Something was written or renamed into a directory: inotify(7). What it was is to be read from the directory itself. */
export interface DirectoryWatch extends Disposable {
  readonly fd: number;
  /** Makes `fd` unreadable again, and returns whether it was readable. */
  drain(): boolean;
  /** Watches what has the path now, which may be another directory than at first; false when there is none. */
  renew(): boolean;
}

/**
 * Calls `onChange` after files in `directory` were closed after writing, or renamed into it, and after it was itself deleted or renamed. The kernel could raise a
 * signal instead, but CRIU 4.2 does not restore an inotify descriptor that has O_ASYNC.
 */
export function watchDirectory(libc: Libc, directory: string, onChange: () => void): DirectoryWatch {
  // That it is deleted the kernel tells unasked (IN_IGNORED).
  const mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR;
  return watch(libc, directory, mask, `watch the directory ${directory}`, onChange);
}

/** Calls `onWrite` after something was written to an open file. */
export function watchWrites(libc: Libc, fd: number, onWrite: () => void): Disposable {
  return watch(libc, `/proc/self/fd/${fd}`, IN_MODIFY, `watch descriptor ${fd}`, onWrite);
}

function watch(libc: Libc, path: string, mask: number, call: string, onEvent: () => void): DirectoryWatch {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  const calls = bound;
  const fd = libc.check(calls.inotify_init1(IN_NONBLOCK_CLOEXEC), "open an inotify descriptor");
  try {
    libc.check(calls.inotify_add_watch(fd, cString(path), mask), call);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  const drained = drain(libc, fd, onEvent);
  const scratch = new Uint8Array(4096);
  return {
    fd,
    drain() {
      let isChanged = false;
      while (libc.read(fd, scratch, scratch.length) > 0n) isChanged = true;
      return isChanged;
    },
    renew: () => calls.inotify_add_watch(fd, cString(path), mask) >= 0,
    [Symbol.dispose](): void {
      drained[Symbol.dispose]();
      libc.close(fd);
    },
  };
}
