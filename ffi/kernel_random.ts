import { isArm64 } from "./arm64.ts";
import type { Libc } from "./libc.ts";

// Numbers: asm/unistd_64.h (x86-64), asm-generic/unistd.h (aarch64).
const SYS_GETRANDOM = isArm64 ? 278 : 318;

/**
 * Random 32-bit words of the kernel (getrandom(2)), 64 at most: the only ones that a copy of this process cannot have as well. By the number of
 * the call, because libc's own function may answer out of a state in memory (the vDSO of Linux 6.11, glibc 2.41), which is copied.
 */
export function kernelRandom(libc: Libc, words: number): Uint32Array {
  const drawn = new Uint32Array(words);
  libc.check(
    libc.syscall(SYS_GETRANDOM, libc.runtime.addressOf(new Uint8Array(drawn.buffer)), drawn.byteLength, 0, 0, 0, 0),
    "draw random numbers of the kernel",
  );
  return drawn;
}
