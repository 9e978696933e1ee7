import { cString } from "./bytes.ts";
import { fileCalls } from "./files.ts";
import type { Libc } from "./libc.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "./open_flags.ts";
import { SystemCallError } from "./system_call_error.ts";

const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** A lock on a directory, until disposal. */
export type DirectoryLock = Disposable;

/**
 * Locks a directory by flock(2), for this process alone. The kernel ends the lock with the process: none is ever left behind.
 * Undefined when another process has it.
 * @throws {SystemCallError} when it is no directory, or its file system knows no locks.
 */
export function lockDirectory(libc: Libc, path: string): DirectoryLock | undefined {
  const { open, flock } = fileCalls(libc);
  const fd = libc.check(open(cString(path), O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), `open the directory ${path}`);
  let isOpen = true;
  const lock = {
    [Symbol.dispose](): void {
      if (isOpen) libc.close(fd);
      isOpen = false;
    },
  };
  try {
    libc.check(flock(fd, LOCK_EX | LOCK_NB), `lock the directory ${path}`);
    return lock;
  } catch (error) {
    lock[Symbol.dispose]();
    if (error instanceof SystemCallError && error.code === "EAGAIN") return undefined;
    throw error;
  }
}
