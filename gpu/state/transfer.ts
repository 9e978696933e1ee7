/** A state as a file: out of a slot, and into one. */
import { checksum } from "./checksum.ts";
import type { Layout, Shaped } from "./layout.ts";
import { placedOf } from "./parse.ts";
import { decodeReferences, encodeReferences, type Reference } from "./reference.ts";
import { checkName, RESERVED } from "./schema.ts";
import { placeTensors, type Slots } from "./slots.ts";
import { StateError } from "./state_error.ts";
import { openStateFile } from "./state_file.ts";
import { requireSame } from "./verify.ts";
import { writeWhole } from "./write_whole.ts";

/** Writes the newest valid state into a file. */
export function exportTo(slots: Slots, path: string): void {
  using saved = slots.read("in place");
  writeWhole(path, saved.pieces());
}

/**
 * Saves what is in a file, with the metadata that other programs have put into it. `expected` are the tensors that it must have. Returns
 * the layout of what was saved.
 */
export function importFrom(slots: Slots, path: string, expected?: ReadonlyMap<string, Shaped>): Layout {
  using source = openSource(path);
  if (expected) requireSame(expected, source.tensors, source.place);
  if (expected && source.references.size > 0) {
    const message = `Cannot load ${source.place}: it has references, which a schema has not. Use openTensors().`;
    throw new StateError("schema", message);
  }
  for (const name of source.tensors.keys()) checkName(name);
  const metadata = { ...foreignMetadata(source.metadata), ...encodeReferences(source.references) };
  const layout = placeTensors(expected ?? source.tensors, metadata);
  using writer = slots.begin(layout);
  for (const [name, buffer] of writer.buffers) source.read(name, buffer);
  writer.commit();
  return layout;
}

/** What is in `__metadata__` and not of this library: it belongs to whoever made the file, and stays with the tensors. */
export function foreignMetadata(metadata: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...metadata].filter(([name]) => !name.startsWith(RESERVED)));
}

/** A file that was opened for an import. */
interface Source extends Disposable {
  readonly place: string;
  readonly tensors: ReadonlyMap<string, Shaped>;
  readonly references: ReadonlyMap<string, Reference>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Reads all bytes of a tensor. Throws StateError `corrupt` when they are not what was saved. */
  read(name: string, into: ArrayBuffer): void;
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
      // Only in a file of ours: in another one it is what somebody wrote.
      references: file.control ? decodeReferences(file.metadata, file.place) : new Map(),
      metadata: file.metadata,
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
