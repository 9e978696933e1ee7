import type { Cuda } from "../../ffi/libcuda.ts";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";

// cuda.h
const CU_MEMHOSTREGISTER_PORTABLE = 1;
const CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED = 712;

/** One line of /proc/self/maps. `file` tells its pages from those of any other mapping. */
interface Range {
  readonly start: bigint;
  readonly end: bigint;
  readonly file: string;
}

/**
 * The shared memory that is pinned for one GPU (cuMemHostRegister), so that copies go straight into it, at the speed of the
 * bus and without the processor. A mapping is pinned as a whole: tensors share pages, and no page can be pinned twice.
 */
export class Pinned {
  readonly #cuda: Cuda;
  readonly #ranges = new Map<string, Range>();
  #mappings: readonly Range[] | undefined;

  constructor(cuda: Cuda) {
    this.#cuda = cuda;
  }

  /**
   * Pins the mapping that these bytes lie in. False when they are no shared memory, or when the driver cannot: copies then go
   * through a buffer of the driver's, which is slower and as right. The context must be current.
   */
  pin(address: bigint, bytes: number): boolean {
    this.#mappings ??= this.#look();
    const end = address + BigInt(bytes);
    const mapping = this.#mappings.find((range) => range.start <= address && end <= range.end);
    if (!mapping) return false;
    if (this.#ranges.has(textOf(mapping))) return true;
    const length = mapping.end - mapping.start;
    const result = this.#cuda.cuMemHostRegister_v2(mapping.start, length, CU_MEMHOSTREGISTER_PORTABLE);
    if (result === 0) this.#ranges.set(textOf(mapping), mapping);
    // The device of another GPU pinned it, for all of them.
    return result === 0 || result === CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  }

  /** To be called when time may have passed: memory may have been unmapped, and other memory be at its address. */
  forget(): void {
    this.#mappings = undefined;
  }

  /** Bytes that are pinned. */
  get bytes(): number {
    return [...this.#ranges.values()].reduce((sum, { start, end }) => sum + Number(end - start), 0);
  }

  /** Unpins all. The context must be current. */
  release(): void {
    for (const { start } of this.#ranges.values()) this.#unpin(start);
    this.#ranges.clear();
    this.forget();
  }

  /** The shared mappings of now. What was pinned and is no longer there is given up: its pages are not what is seen there. */
  #look(): readonly Range[] {
    const mappings = sharedMappings(readOrEmpty("/proc/self/maps"));
    const texts = new Set(mappings.map(textOf));
    for (const [text, { start }] of this.#ranges) {
      if (texts.has(text)) continue;
      this.#unpin(start);
      this.#ranges.delete(text);
    }
    return mappings;
  }

  #unpin(start: bigint): void {
    this.#cuda.check(this.#cuda.cuMemHostUnregister(start), "unpin shared memory");
  }
}

/** The mappings of a /proc/pid/maps (proc(5)) that are shared and can be written to. */
export function sharedMappings(maps: string): Range[] {
  const lines = maps.matchAll(/^([\da-f]+)-([\da-f]+) rw.s ([\da-f]+ \S+ \d+)/gm);
  return [...lines].map(([, start, end, file]) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    file: file as string,
  }));
}

function textOf({ start, end, file }: Range): string {
  return `${start}-${end} ${file}`;
}
