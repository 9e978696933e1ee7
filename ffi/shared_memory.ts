import { cString } from "./bytes.ts";
import { fileCalls } from "./files.ts";
import type { Libc } from "./libc.ts";
import { type Mapping, mapShared } from "./memory.ts";

const O_RDWR = 2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const SEEK_END = 2;

/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW of fcntl(2): nobody can change the size, so a mapping cannot fault. */
export const SEALED_SIZE = 7;

/** Shared memory: a descriptor and its mapping. Disposal unmaps and closes; a named one keeps its name. */
export interface SharedMemory extends Mapping {
  readonly fd: number;
}

/** Creates an anonymous file in memory (memfd_create(2)); with `sealed` its size is fixed for good. */
export function createMemfd(libc: Libc, name: string, bytes: number, options: { sealed: boolean }): SharedMemory {
  const flags = MFD_CLOEXEC | (options.sealed ? MFD_ALLOW_SEALING : 0);
  const call = `create the memfd ${name} of ${bytes} bytes`;
  const fd = libc.check(libc.memfd_create(cString(name), flags), call);
  return claim(libc, fd, bytes, () => {
    libc.check(libc.ftruncate(fd, bytes), call);
    if (options.sealed) libc.check(libc.fcntl(fd, F_ADD_SEALS, SEALED_SIZE), call);
  });
}

/**
 * Opens the named shared memory `name` (shm_open(3)) of mode 0600, and creates it with `bytes` unless it exists.
 * An existing one keeps its size and content.
 */
export function openShared(libc: Libc, name: string, bytes: number): SharedMemory {
  const path = cString(`/${name}`);
  const calls = fileCalls(libc);
  let fd = calls.shm_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600);
  if (fd >= 0)
    return claim(
      libc,
      fd,
      bytes,
      () => void libc.check(libc.ftruncate(fd, bytes), `make shared memory ${name} ${bytes} bytes long`),
    );
  fd = libc.check(calls.shm_open(path, O_RDWR | O_CLOEXEC, 0o600), `open the shared memory ${name}`);
  return claim(libc, fd, sizeOf(libc, fd), () => {});
}

/** Removes the name; mappings of it live on. A name that does not exist is no error. */
export function unlinkShared(libc: Libc, name: string): void {
  fileCalls(libc).shm_unlink(cString(`/${name}`));
}

/** Bytes in the file under `fd`. */
export function sizeOf(libc: Libc, fd: number): number {
  return Number(libc.check(fileCalls(libc).lseek(fd, 0, SEEK_END), `find the size of descriptor ${fd}`));
}

/** The seals of `fd`, or -1 when it is no file that can have any. */
export function sealsOf(libc: Libc, fd: number): number {
  return libc.fcntl(fd, F_GET_SEALS, 0);
}

/** Maps `fd` after `prepare` ran; closes it when anything fails. */
export function claim(libc: Libc, fd: number, bytes: number, prepare: () => void): SharedMemory {
  return orClose(libc, fd, () => {
    prepare();
    const mapping = mapShared(libc, fd, bytes);
    return {
      fd,
      address: mapping.address,
      buffer: mapping.buffer,
      [Symbol.dispose](): void {
        mapping[Symbol.dispose]();
        libc.close(fd);
      },
    };
  });
}

/** Returns what `make` makes of `fd`; closes it when that throws. */
export function orClose<T>(libc: Libc, fd: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}
