/** System calls that the table of `ffi/` has no function for. Their numbers differ between the architectures. */
import { cString } from "../ffi/bytes.ts";
import type { Libc } from "../ffi/libc.ts";
import { availableMemory } from "./available_memory.ts";
import { StateError } from "./state_error.ts";

const numbers = {
  x64: { fallocate: 285, statx: 332 },
  arm64: { fallocate: 47, statx: 291 },
} as const;
const call = numbers[process.arch === "arm64" ? "arm64" : "x64"];

const AT_EMPTY_PATH = 0x1000;
const STATX_UID_INO = 0x8 | 0x100;
const EINTR = 4;
const outOfSpace = [/* ENOMEM */ 12, /* EFBIG */ 27, /* ENOSPC */ 28];

/** Makes `fd` at least `bytes` long, with memory behind every page. Throws StateError `space`. */
export function reserve(libc: Libc, fd: number, bytes: number): void {
  let result: bigint;
  // A file in memory gives up on a signal, and the checkpoint's own notice is one.
  do result = libc.syscall(call.fallocate, fd, 0, 0, bytes, 0, 0);
  while (result < 0n && libc.errno() === EINTR);
  if (result < 0n && outOfSpace.includes(libc.errno())) throw outOfMemory(bytes);
  libc.check(result, `reserve ${bytes} bytes of shared memory`);
}

/** Throws StateError `space` unless `bytes` of memory are there to be taken. */
export function refuseTooMuch(bytes: number): void {
  if (bytes > availableMemory()) throw outOfMemory(bytes);
}

/**
 * The uid of the owner of `fd`, and text that no other file has: statx(2), the same structure on every architecture.
 */
export function identify(libc: Libc, fd: number): { owner: number; id: string } {
  const path = cString("");
  const stat = new Uint8Array(256);
  const { addressOf } = libc.runtime;
  const result = libc.syscall(call.statx, fd, addressOf(path), AT_EMPTY_PATH, STATX_UID_INO, addressOf(stat), 0);
  libc.check(result, `look at descriptor ${fd}`);
  const view = new DataView(stat.buffer);
  const [owner, inode] = [view.getUint32(20, true), view.getBigUint64(32, true)];
  return { owner, id: `${view.getUint32(136, true)}:${view.getUint32(140, true)}:${inode}` };
}

function outOfMemory(bytes: number): StateError {
  return new StateError(
    "space",
    `Cannot reserve ${bytes} bytes of shared memory: there is not enough. Free memory, or make /dev/shm larger.`,
  );
}
