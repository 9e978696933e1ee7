/** Taking memory for a segment. */
import { isArm64 } from "../../ffi/arm64.ts";
import type { Libc } from "../../ffi/libc.ts";
import { availableMemory } from "./available_memory.ts";
import { StateError } from "./state_error.ts";

const SYS_FALLOCATE = isArm64 ? 47 : 285;
const EINTR = 4;
const outOfSpace = [/* ENOMEM */ 12, /* EFBIG */ 27, /* ENOSPC */ 28];

/** Makes `fd` at least `bytes` long, with memory behind every page. Throws StateError `space`. */
export function reserve(libc: Libc, fd: number, bytes: number): void {
  let result: bigint;
  // A file in memory gives up on a signal, and the checkpoint's own notice is one.
  do result = libc.syscall(SYS_FALLOCATE, fd, 0, 0, bytes, 0, 0);
  while (result < 0n && libc.errno() === EINTR);
  if (result < 0n && outOfSpace.includes(libc.errno())) throw outOfMemory(bytes);
  libc.check(result, `reserve ${bytes} bytes of shared memory`);
}

/** Throws StateError `space` unless `bytes` of memory are there to be taken. */
export function refuseTooMuch(bytes: number): void {
  if (bytes > availableMemory()) throw outOfMemory(bytes);
}

function outOfMemory(bytes: number): StateError {
  return new StateError(
    "space",
    `Cannot reserve ${bytes} bytes of shared memory: there is not enough. Free memory, or make /dev/shm larger.`,
  );
}
