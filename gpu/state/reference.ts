import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { type DType, describe, dtypes, elementsOf } from "./dtype.ts";
import type { Shaped } from "./layout.ts";
import { type Entry, placedOf } from "./parse.ts";
import { StateError } from "./state_error.ts";
import { openStateFile, type StateFile } from "./state_file.ts";

const PIECE = 2 ** 24;

/** Where the member of `__metadata__` is that holds the references. */
export const REFERENCES = "criu-aware.references";

/** A tensor that is not copied, because it can be read again from a file: weights that do not change. */
export interface Reference extends Shaped {
  /** Of a safetensors file; absolute. */
  readonly path: string;
  /** Its name in that file. */
  readonly tensor: string;
  /** Of its bytes, in hexadecimal digits. */
  readonly sha256: string;
}

/** A reference to a tensor of a file, with the digest of what is there now. Throws StateError `reference`. */
export function makeReference(path: string, tensor: string): Reference {
  return explaining(path, () => {
    using file = openStateFile(path);
    const { dtype, shape, offset, bytes } = entryOf(file, tensor);
    const hash = createHash("sha256");
    const piece = new Uint8Array(Math.min(bytes, PIECE));
    for (let done = 0; done < bytes; done += PIECE) {
      const part = piece.subarray(0, Math.min(PIECE, bytes - done));
      file.read(part, offset + done);
      hash.update(part);
    }
    return { path: resolve(path), tensor, dtype, shape, sha256: hash.digest("hex") };
  });
}

/** The bytes that a reference leads to. Throws StateError `reference` unless they are those of then. */
export function readReference({ path, tensor, dtype, shape, sha256 }: Reference): ArrayBuffer {
  return explaining(path, () => {
    using file = openStateFile(path);
    const entry = entryOf(file, tensor);
    const [wanted, found] = [describe(dtype, shape), describe(entry.dtype, entry.shape)];
    if (wanted !== found) throw refused(path, `${tensor} is ${found} there, and was ${wanted}`);
    const buffer = new ArrayBuffer(entry.bytes);
    const bytes = new Uint8Array(buffer);
    file.read(bytes, entry.offset);
    const hash = createHash("sha256");
    for (let done = 0; done < bytes.length; done += PIECE) hash.update(bytes.subarray(done, done + PIECE));
    if (hash.digest("hex") !== sha256) throw refused(path, `the bytes of ${tensor} have changed`);
    return buffer;
  });
}

/** The references as a member of `__metadata__`; nothing when there are none. */
export function encodeReferences(references: ReadonlyMap<string, Reference>): Record<string, string> {
  return references.size === 0 ? {} : { [REFERENCES]: JSON.stringify([...references]) };
}

/** Reads them back, believing nothing. Throws StateError `foreign`. */
export function decodeReferences(metadata: ReadonlyMap<string, string>, place: string): Map<string, Reference> {
  const text = metadata.get(REFERENCES);
  if (text === undefined) return new Map();
  try {
    const pairs = JSON.parse(text) as unknown;
    if (Array.isArray(pairs) && pairs.every(isPair)) return new Map(pairs);
  } catch {
    // No JSON.
  }
  throw new StateError("foreign", `Cannot read ${place}: its references are not written by this version.`);
}

function isPair(pair: unknown): pair is [string, Reference] {
  if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== "string") return false;
  const { path, tensor, dtype, shape, sha256 } = (pair[1] ?? {}) as Record<string, unknown>;
  return (
    [path, tensor, sha256].every((text) => typeof text === "string") &&
    Object.hasOwn(dtypes, dtype as DType) &&
    Array.isArray(shape) &&
    elementsOf(shape as number[]) !== undefined
  );
}

function entryOf(file: StateFile, tensor: string): Shaped & Entry {
  const entry = file.entries.get(tensor);
  if (!entry) throw refused(file.place, `there is no tensor ${JSON.stringify(tensor)}`);
  return placedOf(tensor, entry, file.place) as Shaped & Entry;
}

/** Whatever goes wrong with the file: the reference cannot be followed. */
function explaining<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof StateError && cause.code === "reference") throw cause;
    throw refused(path, (cause as Error).message, cause);
  }
}

function refused(path: string, why: string, cause?: unknown): StateError {
  const message = `Cannot use the reference to ${path}: ${why}. Put the file back as it was, or set the tensor itself.`;
  return new StateError("reference", message, { cause });
}
