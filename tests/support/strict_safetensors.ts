/** A strict safetensors reader after the rules of the reference implementation; it shares no code with the library. */
export interface StrictTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

const bits: Record<string, number> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** Reads a file or throws what is wrong with it. */
export function readStrictly(file: Uint8Array): {
  metadata: Record<string, string>;
  tensors: Map<string, StrictTensor>;
  dataStart: number;
} {
  if (file.length < 8) throw new Error("HeaderTooSmall");
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  if (length > 100_000_000) throw new Error("HeaderTooLarge");
  if (8 + length > file.length) throw new Error("InvalidHeaderLength");
  const text = new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length));
  if (!text.startsWith("{")) throw new Error("InvalidHeaderStart");
  if (/[^ ]$/.test(text.slice(text.lastIndexOf("}") + 1))) throw new Error("padding is not spaces");
  const header = new Map<string, unknown>(Object.entries(JSON.parse(text)));
  const metadata = (header.get("__metadata__") ?? {}) as Record<string, string>;
  header.delete("__metadata__");
  for (const value of Object.values(metadata))
    if (typeof value !== "string") throw new Error("metadata is not strings");
  const entries = [...header] as [string, { dtype: string; shape: number[]; data_offsets: [number, number] }][];
  // In the order of the text: JSON.parse moves names such as "10" to the front.
  const inFile = [...text.matchAll(/"data_offsets":\[(\d+),/g)].map(([, begin]) => Number(begin));
  if (inFile.some((begin, i) => i > 0 && begin < (inFile[i - 1] as number))) throw new Error("header is not sorted");
  entries.sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  const tensors = new Map<string, StrictTensor>();
  let previous = 0;
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [begin, end],
    },
  ] of entries) {
    if (begin !== previous || end < begin) throw new Error(`InvalidOffset ${name}`);
    const width = bits[dtype];
    if (width === undefined) throw new Error(`unknown dtype ${dtype}`);
    if (end - begin !== (shape.reduce((a, b) => a * b, 1) * width) / 8) throw new Error(`TensorInvalidInfo ${name}`);
    tensors.set(name, { dtype, shape, begin, end, bytes: file.subarray(8 + length + begin, 8 + length + end) });
    previous = end;
  }
  if (8 + length + previous !== file.length) throw new Error("MetadataIncompleteBuffer");
  return { metadata, tensors, dataStart: 8 + length };
}
