import { checksum } from "./checksum.ts";

/**
 * The name of the reserved U8 tensor at the start of the data. It holds what changes with each save: the commit word,
 * the generation and the crc32 of each tensor, which the fixed JSON header cannot.
 */
export const CONTROL = "criu-aware.control";

/** Byte offsets in the control block; all integers little-endian. */
const at = {
  /** u32, one of `words`; stored last. */
  word: 0,
  /** u32, crc32 of the block from `generation` to its end. */
  checksum: 4,
  /** u64, how many saves came before, and this one. */
  generation: 8,
  /** u32, crc32 of the file up to its data. */
  header: 16,
  /** u32, number of tensors. */
  count: 20,
  /** u32 each, crc32 of the tensors in the order of the file. */
  tensors: 24,
} as const;

/** The commit word. */
const words = { empty: 0, writing: 0x57524954, committed: 0x444f4e45 } as const;

/** What the control block says. */
export interface Control {
  readonly generation: number;
  readonly headerChecksum: number;
  readonly checksums: readonly number[];
}

/** Bytes of the control block for `count` tensors: a multiple of 256, so that it needs no filler behind it. */
export function controlBytes(count: number): number {
  return Math.ceil((at.tensors + 4 * count) / 256) * 256;
}

/** Marks the block as not committed, before any byte of the data changes. */
export function invalidate(block: ArrayBuffer): void {
  Atomics.store(new Uint32Array(block, at.word, 1), 0, words.writing);
}

/** Writes the block, the commit word last. */
export function commit(block: ArrayBuffer, control: Control): void {
  const view = new DataView(block);
  view.setBigUint64(at.generation, BigInt(control.generation), true);
  view.setUint32(at.header, control.headerChecksum, true);
  view.setUint32(at.count, control.checksums.length, true);
  for (const [i, sum] of control.checksums.entries()) view.setUint32(at.tensors + 4 * i, sum, true);
  view.setUint32(at.checksum, checksum(new Uint8Array(block, at.generation)), true);
  Atomics.store(new Uint32Array(block, at.word, 1), 0, words.committed);
}

/** The block of `count` tensors, or why it cannot be believed. */
export function readControl(block: ArrayBuffer, count: number): Control | "empty" | "unfinished" | "corrupt" {
  const word = Atomics.load(new Uint32Array(block, at.word, 1), 0);
  if (word === words.empty) return "empty";
  if (word === words.writing) return "unfinished";
  const view = new DataView(block);
  const generation = Number(view.getBigUint64(at.generation, true));
  if (
    word !== words.committed ||
    view.getUint32(at.count, true) !== count ||
    !Number.isSafeInteger(generation + 1) ||
    view.getUint32(at.checksum, true) !== checksum(new Uint8Array(block, at.generation))
  )
    return "corrupt";
  const checksums = Array.from({ length: count }, (_, i) => view.getUint32(at.tensors + 4 * i, true));
  return { generation, headerChecksum: view.getUint32(at.header, true), checksums };
}
