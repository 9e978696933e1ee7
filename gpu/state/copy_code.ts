import { link } from "#code";
import type { Libc } from "../../ffi/libc.ts";
import { mapCode } from "../../ffi/memory.ts";
import { type Copy, checksum, copyWithChecksum } from "./checksum.ts";

/**
 * Copies and computes the crc32 in one pass, at the speed of memcpy(3): a copy and then a checksum take two or three times as
 * long. Made from copy_x64.s; `copy` begins at COPY_AT. It folds, as in "Fast CRC Computation for Generic Polynomials Using
 * PCLMULQDQ Instruction" (Intel, 2009): the crc32, begun with zeros, of the 128 bytes that it leaves in `residue` is that of
 * everything. It writes past the cache, as memcpy does for large copies, where the target is aligned.
 *
 * The code goes into the images. That a restore finds a processor which can run it is what the manifest is for.
 */
export const codeForX64: string =
  "f30f1efa53b8010000000fa20fbae11b7329b80700000031c90fa20fbae305731a0fbae10a731431c90f01d083e00683f8067507b8010000" +
  "005bc331c05bc390f30f1efac4627d5a05b3010000c5fe6f06c5fe6f4e20c5fe6f5640c5fe6f5e604585c00f84b9000000c5fde707c5fde7" +
  "4f20c5fde75740c5fde75f60c5fdef014881ea800000000f864e0100004883ee804883ef800f188e000400000f188e40040000c5fe6f26c5" +
  "fe6f6e20c5fe6f7640c5fe6f7e60c5fde727c5fde76f20c5fde77740c5fde77f60c4437d44c800c4c37d44c011c4c17defc1c5fdefc4c443" +
  "7544c800c4c37544c811c4c175efc9c5f5efcdc4436d44c800c4c36d44d011c4c16defd1c5edefd6c4436544c800c4c36544d811c4c165ef" +
  "d9c5e5efdfe95effffffc5fe7f07c5fe7f4f20c5fe7f5740c5fe7f5f60c5fdef014881ea800000000f86950000004883ee804883ef800f18" +
  "8e000400000f188e40040000c5fe6f26c5fe6f6e20c5fe6f7640c5fe6f7e60c5fe7f27c5fe7f6f20c5fe7f7740c5fe7f7f60c4437d44c800" +
  "c4c37d44c011c4c17defc1c5fdefc4c4437544c800c4c37544c811c4c175efc9c5f5efcdc4436d44c800c4c36d44d011c4c16defd1c5edef" +
  "d6c4436544c800c4c36544d811c4c165efd9c5e5efdfe95effffffc5fe7f01c5fe7f4920c5fe7f5140c5fe7f5960c5f8770faef8c366662e" +
  "0f1f84000000000072f38ee80100000080e87f4a01000000";
const COPY_AT = 0x40;
const BLOCK = 128;

/** Bytes from which on the call pays. */
const WORTH = 2 ** 14;
/** `vmovntdq` needs this alignment. */
const ALIGNED = 32n;
/** crc32 begins with 32 ones, and zlib inverts what it is given to go on from. */
const ONES = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
const ZEROS = 0xffffffff;

let opened: Copy | undefined;

/** The fastest `Copy` that this machine has, opened once for each JavaScript thread. */
export function openCopy(libc: Libc): Copy {
  opened ??= linkCopy(libc) ?? copyWithChecksum;
  return opened;
}

function linkCopy(libc: Libc): Copy | undefined {
  if (process.arch !== "x64") return undefined;
  const code = mapCode(libc, Uint8Array.fromHex(codeForX64));
  if (!code) return undefined;
  if (link(code.address, [[], "i32"])() === 0) {
    code[Symbol.dispose]();
    return undefined;
  }
  const copy = link(code.address + BigInt(COPY_AT), [["buffer", "buffer", "u64", "buffer", "i32"], "void"]);
  const residue = new Uint8Array(BLOCK);
  return (from, to) => {
    if (from.length < WORTH || isShared(from) || isShared(to)) return copyWithChecksum(from, to);
    const bytes = from.length - (from.length % BLOCK);
    residue.fill(0).set(ONES);
    copy(to, from, bytes, residue, libc.runtime.addressOf(to) % ALIGNED === 0n ? 1 : 0);
    const sum = checksum(residue, ZEROS);
    if (bytes === from.length) return sum;
    to.set(from.subarray(bytes), bytes);
    return checksum(from.subarray(bytes), sum);
  };
}

/** FFI takes no such memory. */
function isShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer;
}
