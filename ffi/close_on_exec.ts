import type { Libc } from "./libc.ts";

// The same number on every architecture: asm-generic/unistd.h
const SYS_CLOSE_RANGE = 436;
const CLOSE_RANGE_CLOEXEC = 4;

/**
 * Keeps what is open, but for the standard streams, from programs that this process starts. Bun does that itself; Deno passes on what
 * it was given.
 */
export function closeOnExec(libc: Libc): void {
  libc.syscall(SYS_CLOSE_RANGE, 3, 0xffff_ffff, CLOSE_RANGE_CLOEXEC, 0, 0, 0);
}
