/**
 * A signal handler in machine code: JavaScript must not run inside a signal handler, and this is all that needs to.
 * It takes the next sequence number atomically, records signo, si_code, si_pid, si_uid and si_value in that slot of a ring,
 * and writes eight bytes to the doorbell's descriptor (which must be O_NONBLOCK, so that it never blocks). It touches
 * nothing else, keeps errno (raw system call) and is safe on any thread and against itself.
 *
 * Each entry: the code, and where the address of the ring (u64) goes in it.
 */
const codes: Readonly<Record<string, readonly [hex: string, patch: number]>> = {
  // endbr64; mov r9, RING; mov eax, 1; lock xadd [r9+8], rax; … ; write(fd, &one, 8); ret
  x64: [
    "f30f1efa49b80000000000000000b801000000f0490fc140084889c149234810c1e1054d8d4c0840418979088b56084189510c" +
      "488b561049895110488b56184989511848ffc0498901418b38498d7018ba08000000b8010000000f05c3",
    6,
  ],
  // bti c; ldr x3, RING; ldaxr/stlxr on [x3+8]; … ; write(fd, &one, 8); ret; RING
  arm64: [
    "5f2403d5e30200586420009185fc5fc8a604009186fc07c8a7ffff35670840f9a700078a6714078be7000191e00800b9290840b9" +
      "e90c00b9292841a9e92801a9e6fc9fc8600040b961600091020180d2080880d2010000d4c0035fd61f2003d50000000000000000",
    96,
  ],
};

/**
 * The ring that the code works on, offsets in bytes: i32 descriptor, u64 sequence, u64 slots - 1 (a power of two, less one),
 * u64 one; then the slots { u64 sequence + 1, i32 signo, i32 si_code, i32 si_pid, u32 si_uid, u64 si_value }.
 */
export const ring = { fd: 0, sequence: 8, mask: 16, one: 24, slots: 64, slotBytes: 32 } as const;

/** The handler for this CPU (`process.arch`), working on the ring at `address`; undefined for a CPU that we have none for. */
export function handlerCode(arch: string, address: bigint): Uint8Array | undefined {
  const entry = codes[arch];
  if (!entry) return undefined;
  const [hex, patch] = entry;
  const code = Uint8Array.fromHex(hex);
  new DataView(code.buffer).setBigUint64(patch, address, true);
  return code;
}
