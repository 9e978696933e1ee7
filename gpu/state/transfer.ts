/** A state as a file: out of a slot, and into one. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { checksum } from "./checksum.ts";
import type { Shaped } from "./layout.ts";
import { placedOf } from "./parse.ts";
import { decodeReferences, encodeReferences, type Reference } from "./reference.ts";
import { checkName, RESERVED } from "./schema.ts";
import { placeTensors, type Slots } from "./slots.ts";
import { StateError } from "./state_error.ts";
import { openStateFile } from "./state_file.ts";
import { requireSame } from "./verify.ts";

/** Writes the newest valid state into a file. */
export function exportTo(slots: Slots, path: string): void {
  using saved = slots.read("in place");
  writeWhole(path, saved.pieces());
}

/** Saves what is in a file. `expected` are the tensors that it must have. */
export function importFrom(slots: Slots, path: string, expected?: ReadonlyMap<string, Shaped>): void {
  using source = openSource(path);
  if (expected) requireSame(expected, source.tensors, source.place);
  if (expected && source.references.size > 0) {
    const message = `Cannot load ${source.place}: it has references, which a schema has not. Use openTensors().`;
    throw new StateError("schema", message);
  }
  for (const name of source.tensors.keys()) checkName(name);
  using writer = slots.begin(placeTensors(expected ?? source.tensors, encodeReferences(source.references)));
  for (const [name, buffer] of writer.buffers) source.read(name, buffer);
  writer.commit();
}

/** A file that was opened for an import. */
interface Source extends Disposable {
  readonly place: string;
  readonly tensors: ReadonlyMap<string, Shaped>;
  readonly references: ReadonlyMap<string, Reference>;
  /** Reads all bytes of a tensor. Throws StateError `corrupt` when they are not what was saved. */
  read(name: string, into: ArrayBuffer): void;
}

/** Writes a file of mode 0600 whole, or leaves the one that is there: to a temporary name, fsync, rename. */
function writeWhole(path: string, pieces: Iterable<Uint8Array>): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  try {
    const fd = openSync(temporary, "wx", 0o600);
    try {
      for (const piece of pieces) {
        for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

/** Opens a file that `exportTo` wrote, or any safetensors file with dtypes that there are here. */
function openSource(path: string): Source {
  const file = openStateFile(path);
  try {
    const entries = [...file.entries].filter(([name]) => !(file.control && name.startsWith(RESERVED)));
    const tensors = new Map(entries.map(([name, entry]) => [name, placedOf(name, entry, file.place)]));
    const sums = new Map(entries.map(([name], i) => [name, file.control?.checksums[i]]));
    return {
      place: file.place,
      tensors,
      references: decodeReferences(file.metadata, file.place),
      read(name, into) {
        const bytes = new Uint8Array(into);
        file.read(bytes, tensors.get(name)?.offset as number);
        const sum = sums.get(name);
        if (sum === undefined || sum === checksum(bytes)) return;
        throw new StateError("corrupt", `Cannot load ${name} from ${file.place}: its checksum does not match.`);
      },
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}
