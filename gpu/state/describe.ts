import { decodeReferences, type Reference } from "./reference.ts";
import { RESERVED } from "./schema.ts";
import { openStateFile } from "./state_file.ts";

/** One tensor of a saved state. */
export interface DescribedTensor {
  /** Its full name in the file. */
  readonly name: string;
  /** As in the file: `F32`. */
  readonly dtype: string;
  /** Its dimensions, the outermost first; [] for a scalar. */
  readonly shape: readonly number[];
  /** Where its bytes begin, from the start of the file. */
  readonly offset: number;
  /** How much it takes in the file. */
  readonly bytes: number;
  /** crc32 of the bytes that are there; as 8 hexadecimal digits. */
  readonly checksum: string;
  /** Whether it is the checksum that was saved; undefined in a file that is not of this library and has none. */
  readonly valid?: boolean;
}

/** What a safetensors file holds. */
export interface StateDescription {
  /** The file that was read. */
  readonly path: string;
  /** The size of the file. */
  readonly bytes: number;
  /** How many saves there were, and this one; undefined in a file that is not of this library. */
  readonly generation?: number;
  /** What stands in `__metadata__`, such as the references of this library. */
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the file. */
  readonly tensors: readonly DescribedTensor[];
  /** What is kept in other files; not followed here. */
  readonly references: readonly (Reference & { readonly name: string })[];
  /** False when a checksum does not match. */
  readonly valid: boolean;
}

/**
 * Reads and verifies a saved state: an exported file, a segment in /dev/shm, `/proc/PID/fd/N` of one, or any safetensors
 * file. Nothing of it is held in memory as a whole. A save meanwhile shows as `valid: false`.
 * @throws {StateError} `foreign`, `truncated`, `empty`, `unfinished`; `corrupt` for the header and the control block.
 * @throws {Error} of node:fs when the file cannot be opened.
 *
 * @example
 * ```ts
 * import { describeState } from "criu-aware/gpu";
 * for (const { name, dtype, shape } of describeState("/dev/shm/trainer.0").tensors) console.log(name, dtype, shape);
 * ```
 */
export function describeState(path: string): StateDescription {
  using file = openStateFile(path);
  const { control } = file;
  const references = control ? decodeReferences(file.metadata, file.place) : new Map<string, Reference>();
  const sums = control?.checksums.values();
  const tensors: DescribedTensor[] = [];
  for (const [name, { dtype, shape, offset, bytes }] of file.entries) {
    if (control && name.startsWith(RESERVED)) continue;
    const sum = file.checksum(offset, bytes);
    const valid = sums && { valid: sums.next().value === sum };
    tensors.push({ name, dtype, shape, offset, bytes, checksum: sum.toString(16).padStart(8, "0"), ...valid });
  }
  return {
    path,
    bytes: file.bytes,
    ...(control && { generation: control.generation }),
    metadata: Object.fromEntries(file.metadata),
    tensors,
    references: [...references].map(([name, reference]) => ({ name, ...reference })),
    valid: tensors.every(({ valid = true }) => valid),
  };
}
