import { createHash } from "node:crypto";
import { CONTROL, controlBytes } from "./control.ts";
import { type DType, dtypes, elementBytes, elementsOf } from "./dtype.ts";
import { RESERVED } from "./schema.ts";

/** Every tensor starts at a multiple of this, for DMA and for typed arrays. */
export const ALIGNMENT = 256;

/**
 * What the layout needs to know of a tensor.
 * @internal
 */
export interface Shaped {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Where one tensor lies. `offset` is in bytes from the start of the file. */
export interface Placed extends Shaped {
  readonly offset: number;
  readonly bytes: number;
}

/** The place of everything in one safetensors file. The control block begins where the data begins. */
export interface Layout {
  /** The u64 length and the JSON text, padded with spaces: the file up to its data. */
  readonly header: Uint8Array;
  readonly controlBytes: number;
  /** In the order of the file; without the control block and the fillers. */
  readonly tensors: ReadonlyMap<string, Placed>;
  /** Members of `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Bytes of the whole file. */
  readonly bytes: number;
}

/** Our version of the format, in `__metadata__`. */
export const FORMAT_VERSION = "1";

/**
 * Places tensors in the order given: header, control block, and each tensor at the next multiple of 256, the gap before
 * it filled by a U8 tensor, because safetensors allows no holes.
 */
export function layOut(specs: ReadonlyMap<string, Shaped>, more: Readonly<Record<string, string>> = {}): Layout {
  // Names as data, never as keys of an object: `__proto__` is a valid name.
  const metadata = { "criu-aware.version": FORMAT_VERSION, "criu-aware.schema": digest(specs), ...more };
  const members: string[] = [member("__metadata__", metadata)];
  const control = controlBytes(specs.size);
  members.push(member(CONTROL, entry("U8", [control], 0)));
  let end = control;
  let fillers = 0;
  const relative = new Map<string, Placed>();
  for (const [name, { dtype, shape }] of specs) {
    const offset = align(end);
    if (offset > end) members.push(member(`${RESERVED}fill.${fillers++}`, entry("U8", [offset - end], end)));
    const bytes = (elementsOf(shape) as number) * elementBytes(dtype);
    members.push(member(name, entry(dtypes[dtype].file, shape, offset, bytes)));
    relative.set(name, { dtype, shape, offset, bytes });
    end = offset + bytes;
  }
  const text = new TextEncoder().encode(`{${members.join(",")}}`);
  const dataStart = align(8 + text.length);
  const header = new Uint8Array(dataStart).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  header.set(text, 8);
  const tensors = new Map(
    [...relative].map(([name, placed]) => [name, { ...placed, offset: dataStart + placed.offset }]),
  );
  return {
    header,
    controlBytes: control,
    tensors,
    metadata: new Map(Object.entries(metadata)),
    bytes: dataStart + end,
  };
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function member(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

function entry(dtype: string, shape: readonly number[], begin: number, bytes = shape[0] as number): unknown {
  return { dtype, shape, data_offsets: [begin, begin + bytes] };
}

function digest(specs: ReadonlyMap<string, Shaped>): string {
  const lines = [...specs].map(([name, { dtype, shape }]) => JSON.stringify([name, dtype, shape]));
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}
