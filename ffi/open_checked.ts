import { closeSync, constants, openSync } from "node:fs";

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
/** A lease on a file (fcntl(2), F_SETLEASE) lets its owner keep those who open it waiting. */
const O_NONBLOCK = 0o4000;

/** How files are opened and closed here: by node:fs, or by libc. */
export interface FileOpener {
  open(path: string, flags: number): number;
  close(fd: number): void;
}
const nodeFiles: FileOpener = { open: openSync, close: closeSync };

/**
 * Opens a file that somebody else names, once it is known what it is. An O_PATH descriptor (open(2)) holds the file without
 * opening it: no device does anything, no pipe waits. `check` looks at that descriptor, and throws for what is not to be opened;
 * then the very file that was looked at is opened, whatever the path leads to by now. With O_NOFOLLOW `check` sees a symbolic link
 * itself. Throws what `check` and `files` throw.
 */
export function openChecked(
  path: string,
  flags: number,
  check: (held: number) => void,
  files: FileOpener = nodeFiles,
): number {
  const held = files.open(path, O_PATH | O_CLOEXEC | (flags & constants.O_NOFOLLOW));
  try {
    check(held);
    return files.open(`/proc/self/fd/${held}`, (flags & ~constants.O_NOFOLLOW) | O_CLOEXEC | O_NONBLOCK);
  } finally {
    files.close(held);
  }
}
