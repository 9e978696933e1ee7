import type { Libc } from "./libc.ts";

// mmap(2); the values are those of include/uapi/asm-generic/mman-common.h
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;

/** Mapped memory. After disposal a view of it must not be touched: the process would die of SIGSEGV. */
export interface Mapping extends Disposable {
  readonly address: bigint;
  readonly buffer: ArrayBuffer;
}

/** Maps the first `bytes` of `fd`, shared and writable. */
export function mapShared(libc: Libc, fd: number, bytes: number): Mapping {
  return map(libc, libc.mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes);
}

/**
 * Copies `code` into a page of its own and makes it executable, never writable and executable at once.
 * Returns undefined where executable pages are forbidden, or without code.
 */
export function mapCode(libc: Libc, code: Uint8Array | undefined): Mapping | undefined {
  if (!code) return undefined;
  const address = libc.mmap(0, code.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const mapping = map(libc, address, code.length);
  new Uint8Array(mapping.buffer).set(code);
  if (libc.mprotect(mapping.address, code.length, PROT_READ | PROT_EXEC) === 0) return mapping;
  mapping[Symbol.dispose]();
  return undefined;
}

function map(libc: Libc, address: bigint, bytes: number): Mapping {
  libc.check(BigInt.asIntN(64, address), `map ${bytes} bytes of memory`);
  return {
    address,
    buffer: libc.runtime.view(address, bytes),
    [Symbol.dispose]: () => void libc.munmap(address, bytes),
  };
}
