import { cString } from "../../ffi/bytes.ts";
import type { Libc } from "../../ffi/libc.ts";

const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;

/** Seals of fcntl(2) that keep others from writing: for good, and for who has it mapped already not. */
export const writeSeals = { F_SEAL_WRITE: 8, F_SEAL_FUTURE_WRITE: 16 } as const;

/** A memfd that can be sealed; whoever calls this closes it. */
export function sealableMemfd(libc: Libc, name: string, bytes = 0): number {
  const fd = libc.check(libc.memfd_create(cString(name), MFD_ALLOW_SEALING), `create the memfd ${name}`);
  libc.check(libc.ftruncate(fd, bytes), `make it ${bytes} bytes long`);
  return fd;
}

/** Adds seals. */
export function seal(libc: Libc, fd: number, seals: number): void {
  libc.check(libc.fcntl(fd, F_ADD_SEALS, seals), "seal it");
}
