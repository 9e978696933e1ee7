import { cString } from "./bytes.ts";
import type { Libc } from "./libc.ts";

// renameat2(2). Numbers: asm/unistd_64.h (x86-64), asm-generic/unistd.h (aarch64).
const SYS_RENAMEAT2 = process.arch === "arm64" ? 276 : 316;
const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

/** Lets two files change names in one step; false where the file system cannot, or one of them is not there. */
export function exchange(libc: Libc, one: string, other: string): boolean {
  const [first, second] = [cString(one), cString(other)];
  const { addressOf } = libc.runtime;
  return (
    libc.syscall(SYS_RENAMEAT2, AT_FDCWD, addressOf(first), AT_FDCWD, addressOf(second), RENAME_EXCHANGE, 0) === 0n
  );
}
