import { CONTROL, controlBytes } from "./control.ts";
import { bitsOfFile, dtypeOfFile, elementsOf } from "./dtype.ts";
import { isObject, type Json, type JsonObject, parseJson } from "./header_json.ts";
import { ALIGNMENT, FORMAT_VERSION, type Layout, type Placed } from "./layout.ts";
import { RESERVED } from "./schema.ts";
import { StateError } from "./state_error.ts";

/** Bytes of the largest header that the safetensors reference reader accepts. */
export const MAX_HEADER = 100_000_000;

const METADATA = "__metadata__";
const fields = ["dtype", "shape", "data_offsets"];
const nothing: JsonObject = { members: new Map() };

/** One tensor of any safetensors file. `offset` is in bytes from the start of the file. */
export interface Entry {
  /** As in the file, also one that this library has no type for. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/** The header of any safetensors file. */
export interface ParsedFile {
  /** The file up to its data. */
  readonly header: Uint8Array;
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of the data. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** Bytes of the whole file. */
  readonly bytes: number;
}

/**
 * Reads the header of any safetensors file by the rules of the reference reader (safetensors 0.8.0), believing nothing in it. Four
 * forms that nobody writes are read there and refused here: two members of one name, an entry that is a list, a dtype that is an object,
 * and a length from 2^53 on beside a 0. `read` gives bytes from the start of the file, `size` is its real size. Throws StateError `foreign` or `truncated`.
 */
export function parseFile(read: (bytes: number) => Uint8Array, size: number, place: string): ParsedFile {
  if (size < 8) throw truncated(place, 8, size);
  const start = read(8);
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  const dataStart = 8 + length;
  if (length > MAX_HEADER) throw foreign(place, `a header of ${length} bytes`);
  if (dataStart > size) throw truncated(place, dataStart, size);
  // A copy: what is checked must not change under the parser.
  const header = read(dataStart).slice();
  const { members } = headerOf(header.subarray(8), place);
  const metadata = metadataOf(members.get(METADATA), place);
  const placed = [...members]
    .filter(([name]) => name !== METADATA)
    .map(([name, entry]) => [name, placeOf(name, entry, dataStart, place)] as const);
  // Two entries without bytes may share an offset with one that has some: the shorter one comes first.
  placed.sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes);
  let end = dataStart;
  for (const [name, { offset, bytes }] of placed) {
    if (offset !== end) throw foreign(place, `a hole or an overlap before ${JSON.stringify(name)}`);
    end += bytes;
  }
  if (end > size) throw truncated(place, end, size);
  if (end < size) throw foreign(place, `${size - end} bytes behind the last tensor`);
  return { header, metadata, entries: new Map(placed), bytes: end };
}

/** Reads the layout back from a file of ours. Throws as `parseFile` does. */
export function parseLayout(read: (bytes: number) => Uint8Array, size: number, place: string): Layout {
  return layoutOf(parseFile(read, size, place), place);
}

/** The layout of a file, if this version of the library wrote it. Throws StateError `foreign`. */
export function layoutOf({ header, metadata, entries, bytes }: ParsedFile, place: string): Layout {
  const version = metadata.get("criu-aware.version");
  if (version !== FORMAT_VERSION)
    throw foreign(place, `format version ${JSON.stringify(version)} instead of ${FORMAT_VERSION}`);
  if (header.length % ALIGNMENT !== 0) throw foreign(place, `a header of ${header.length - 8} bytes`);
  const [first] = entries;
  const tensors = new Map<string, Placed>();
  for (const [name, entry] of entries) if (!name.startsWith(RESERVED)) tensors.set(name, placedOf(name, entry, place));
  if (first?.[0] !== CONTROL || first[1].dtype !== "U8" || first[1].bytes !== controlBytes(tensors.size)) {
    throw foreign(place, `no ${CONTROL} at the start of the data`);
  }
  for (const [name, { offset }] of tensors) {
    if (offset % ALIGNMENT !== 0) throw foreign(place, `${JSON.stringify(name)} not at a multiple of ${ALIGNMENT}`);
  }
  return { header, controlBytes: first[1].bytes, tensors, metadata, bytes };
}

/** The entry with a type of this library. Throws StateError `foreign` when there is none for it. */
export function placedOf(name: string, entry: Entry, place: string): Placed {
  const dtype = dtypeOfFile(entry.dtype);
  if (dtype) return { ...entry, dtype };
  throw foreign(place, `the dtype ${entry.dtype} for ${JSON.stringify(name)}`);
}

function headerOf(text: Uint8Array, place: string): JsonObject {
  let header: Json;
  try {
    header = parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text));
  } catch (error) {
    throw foreign(place, "a header that is no JSON", error);
  }
  if (isObject(header)) return header;
  throw foreign(place, "a header that is no JSON object");
}

function metadataOf(value: Json | undefined, place: string): Map<string, string> {
  if (value === undefined || value === null) return new Map();
  const isText = (pair: [string, Json]): pair is [string, string] => typeof pair[1] === "string";
  if (!isObject(value) || ![...value.members].every(isText)) throw foreign(place, "metadata that is not strings");
  return new Map([...value.members].filter(isText));
}

function placeOf(name: string, entry: Json, dataStart: number, place: string): Entry {
  const { members } = isObject(entry) ? entry : nothing;
  const [dtype, shape, offsets] = fields.map((field) => members.get(field));
  const bits = bitsOfFile(dtype);
  if (bits === undefined || !isNumbers(shape) || !isNumbers(offsets) || offsets.length !== 2) {
    throw foreign(place, `no dtype, shape and data_offsets for ${JSON.stringify(name)}`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = ((elementsOf(shape) ?? Number.NaN) * bits) / 8;
  // NaN, where there are too many elements to count, is unequal too.
  if (end - begin !== bytes) {
    throw foreign(place, `offsets of ${JSON.stringify(name)} that do not fit its shape`);
  }
  return { dtype: dtype as string, shape, offset: dataStart + begin, bytes };
}

function isNumbers(value: Json | undefined): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function foreign(place: string, found: string, cause?: unknown): StateError {
  const message = `Cannot read ${place}: it has ${found}, not written by this version. Use another name, or unlink it.`;
  return new StateError("foreign", message, { cause });
}

function truncated(place: string, wanted: number, size: number): StateError {
  return new StateError(
    "truncated",
    `Cannot read ${place}: it is ${size} bytes long and should be ${wanted} at least. Save the state again.`,
  );
}
