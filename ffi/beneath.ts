import { bytesOf, cString } from "./bytes.ts";
import { fileCalls } from "./files.ts";
import type { Libc } from "./libc.ts";
import { O_DIRECTORY } from "./open_flags.ts";

// openat2(2): struct open_how { u64 flags, mode, resolve } (linux/openat2.h). The number is the same everywhere.
const SYS_OPENAT2 = 437;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_IN_ROOT = 0x10;

/** A place in the file system, held by an O_PATH descriptor. */
export interface Place extends Disposable {
  readonly fd: number;
  /** Leads there in this process, whatever the names are by then. */
  readonly path: string;
}

/**
 * Opens a path as the process `pid` sees it, below its root, through no symbolic link: the path comes from a process that is
 * not trusted. Throws SystemCallError: ENOENT when there is no such path, ELOOP for a symbolic link.
 */
export function openBeneath(libc: Libc, pid: number, path: string): Place {
  const root = fileCalls(libc).open(cString(`/proc/${pid}/root`), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  libc.check(root, `open the root of process ${pid}`);
  const how = new BigUint64Array([
    BigInt(O_PATH | O_CLOEXEC),
    0n,
    BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS),
  ]);
  const name = cString(path);
  try {
    const { addressOf } = libc.runtime;
    const opened = libc.syscall(SYS_OPENAT2, root, addressOf(name), addressOf(bytesOf(how)), how.byteLength, 0, 0);
    const fd = Number(libc.check(opened, `open ${path} of process ${pid}`));
    return { fd, path: `/proc/self/fd/${fd}`, [Symbol.dispose]: () => void libc.close(fd) };
  } finally {
    libc.close(root);
  }
}
