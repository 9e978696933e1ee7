import { isArm64 } from "./arm64.ts";
import type { Libc } from "./libc.ts";

// futex(2) has no libc wrapper. Numbers: asm/unistd_64.h (x86-64), asm-generic/unistd.h (aarch64).
export const SYS_FUTEX: number = isArm64 ? 98 : 202;
export const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX_CMP_REQUEUE = 4;

/** Wakes everybody who waits for the 32-bit word at `address`, in any process that shares it. */
export function wakeFutex(libc: Libc, address: bigint): void {
  libc.syscall(SYS_FUTEX, address, FUTEX_WAKE, 0x7fffffff, 0, 0, 0);
}

/** Blocks this thread while the word at `address` is `expected`, at most `timeoutMs`. May return early. */
export function waitFutex(libc: Libc, address: bigint, expected: number, timeoutMs: number): void {
  const timespec = new BigInt64Array([
    BigInt(Math.floor(timeoutMs / 1000)),
    BigInt(Math.round((timeoutMs % 1000) * 1e6)),
  ]);
  libc.syscall(SYS_FUTEX, address, FUTEX_WAIT, expected, libc.runtime.addressOf(new Uint8Array(timespec.buffer)), 0, 0);
}

/** Has one who waits for the word at `address`, which is `expected`, wait for that at `other` instead. Returns whether there was one. */
export function moveFutexWaiter(libc: Libc, address: bigint, expected: number, other: bigint): boolean {
  return libc.syscall(SYS_FUTEX, address, FUTEX_CMP_REQUEUE, 0, 1, other, expected) > 0;
}
