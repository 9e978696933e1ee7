import { readProc } from "#proc";
import type { Libc } from "./libc.ts";

/** Memory of this process. */
export interface MemoryRange {
  readonly address: bigint;
  readonly bytes: number;
}

/**
 * The memory that the kernel empties in a forked child: MADV_WIPEONFORK of madvise(2), the flag `wf` of proc_pid_smaps(5). Random generators keep
 * a word there that tells them whether they are a copy (BoringSSL), or their whole state (the vDSO). Those of `known` count as well, as long as they
 * are mapped: CRIU before 4.2 restores them without the flag.
 */
export function wipeOnForkRanges(
  known: readonly MemoryRange[],
  smaps: string = readProc("/proc/self/smaps"),
): MemoryRange[] {
  const ranges: MemoryRange[] = [];
  let current: MemoryRange | undefined;
  for (const line of smaps.split("\n")) {
    const header = /^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0\b/.exec(line);
    const flags = /^VmFlags:.*\bwf\b/.test(line);
    if (header) {
      const address = BigInt(`0x${header[1]}`);
      current = { address, bytes: Number(BigInt(`0x${header[2]}`) - address) };
      if (known.some(({ address, bytes }) => address === current?.address && bytes === current.bytes))
        ranges.push(current);
    } else if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) {
      current = undefined;
    } else if (flags && current && ranges.at(-1) !== current) {
      ranges.push(current);
    }
  }
  return ranges;
}

/** Empties memory, as the kernel does in a forked child. */
export function wipe(libc: Libc, ranges: readonly MemoryRange[]): void {
  for (const { address, bytes } of ranges) new Uint8Array(libc.runtime.view(address, bytes)).fill(0);
}
