import type { SaveOptions } from "./changes.ts";
import { arrayOver } from "./dtype.ts";
import { openMemory } from "./memory.ts";
import {
  flatten,
  flattenValues,
  type Loaded,
  mapSchema,
  type Schema,
  type Spec,
  type Values,
  type Views,
} from "./schema.ts";
import { placeTensors, Slots, type StateOptions } from "./slots.ts";
import { exportTo, foreignMetadata, importFrom } from "./transfer.ts";
import { fromBuffer, toArray } from "./values.ts";

/** A save in progress, straight into shared memory. Disposal without `commit` gives it up. */
export interface Writer<S extends Schema> extends Disposable {
  /**
   * To be filled completely: they hold whatever was there before. After the save they are detached, with length 0; those
   * that need not be written again, because of `changed`, are that from the start.
   */
  readonly views: Views<S>;
  /** Computes the checksums that `checksumOf` does not know, and makes this the state. Throws StateError `closed` when the save has ended. */
  commit(checksumOf?: (buffer: ArrayBuffer) => number | undefined): void;
}

/**
 * What was saved, in place and verified. Its views are detached by disposal, by a save into the same slot and with the
 * state.
 */
export interface Snapshot<S extends Schema> extends Disposable {
  /** Not to be written to: the checksums would no longer match. */
  readonly views: Views<S>;
  /** The number of the save that this is. */
  readonly generation: number;
}

/** A typed state in shared memory. Disposal unmaps it; a named one stays in /dev/shm. */
export interface State<S extends Schema> extends Disposable {
  /** As it was given to `openState`. */
  readonly schema: S;
  /** Bytes of one slot: the size of the safetensors file. */
  readonly bytes: number;
  /** The number of the save that was last made or loaded by this object; 0 before. */
  readonly generation: number;
  /**
   * Copies all values into shared memory.
   * @throws {StateError} `schema` when a value is missing, has another type or length, or is too much; `busy`,
   * `closed`, `space`.
   */
  save(values: Values<S>, options?: SaveOptions): void;
  /**
   * Begins a save for a device that writes into shared memory itself; `compare` is nothing for it, and as good as `all`.
   * @throws {StateError} `busy`, `closed`, `space`, `schema` when a name in `changed` is none.
   */
  begin(options?: SaveOptions): Writer<S>;
  /**
   * Copies of the newest valid state.
   * @throws {StateError} `schema` when it is of another schema; `empty`, `unfinished`, `truncated`, `corrupt`,
   * `foreign` when no slot is valid; `busy`, `closed`.
   */
  load(): Loaded<S>;
  /** The newest valid state without a copy. Throws as `load` does. */
  read(): Snapshot<S>;
  /**
   * Writes the newest valid state into a file of mode 0600: one safetensors file for any reader, on disk when this returns.
   * Throws as `load` does, and what node:fs throws.
   */
  exportTo(path: string): void;
  /**
   * Saves what is in a file: of `exportTo`, or any safetensors file with the tensors of this schema. Its `__metadata__` is kept, also by
   * later saves.
   * @throws {StateError} `schema` when it has others; `foreign`, `truncated`, `corrupt`; as `save` does.
   */
  importFrom(path: string): void;
  /** Removes the names from /dev/shm. To be called last: a later save may create them again. */
  unlink(): void;
}

/**
 * Opens the state of a schema and takes the memory for it.
 * @throws {StateError} `schema` for a name that cannot be, `space` when there is not enough shared memory, `foreign`
 * when another user owns the segment.
 * @throws {RangeError} for a `name`, a number of slots or a memory that cannot be; a name needs Linux.
 *
 * @example
 * ```ts
 * import { defineState, openState, scalar, tensor } from "criu-aware/gpu";
 * const schema = defineState({ weights: tensor("f32", [512, 512]), step: scalar("u32") });
 * using state = await openState(schema, { name: "trainer", slots: 2 });
 * state.save({ weights: new Float32Array(512 * 512), step: 1 });
 * const { weights, step } = state.load();
 * ```
 */
export async function openState<const S extends Schema>(schema: S, options: StateOptions = {}): Promise<State<S>> {
  const specs = flatten(schema);
  let layout = placeTensors(specs);
  const slots = new Slots(await openMemory(options), options);
  try {
    slots.prepare(layout);
  } catch (error) {
    slots[Symbol.dispose]();
    throw error;
  }
  const viewsOf = (bufferOf: (name: string) => ArrayBuffer): Views<S> =>
    mapSchema(schema, (spec, name) => arrayOver(spec.dtype, bufferOf(name))) as Views<S>;
  return {
    schema,
    get bytes() {
      return layout.bytes;
    },
    get generation() {
      return slots.generation;
    },
    save(values, options) {
      const given = flattenValues(schema, values);
      const arrays = [...specs].map(([name, spec], i) => [name, toArray(spec, given[i], name)] as const);
      using writer = slots.begin(layout, options);
      for (const [name, array] of arrays) writer.write(name, array);
      writer.commit();
    },
    begin(options) {
      const writer = slots.begin(layout, options);
      return {
        views: viewsOf((name) => writer.buffers.get(name) ?? new ArrayBuffer(0)),
        commit: writer.commit,
        [Symbol.dispose]: () => writer[Symbol.dispose](),
      };
    },
    load() {
      using saved = slots.read("copy", specs);
      layout = placeTensors(specs, foreignMetadata(saved.metadata));
      const bufferOf = (name: string): ArrayBuffer => saved.tensors.get(name)?.buffer as ArrayBuffer;
      return mapSchema(schema, (spec: Spec, name) => fromBuffer(spec, bufferOf(name))) as Loaded<S>;
    },
    read() {
      const saved = slots.read("in place", specs);
      return {
        views: viewsOf((name) => saved.tensors.get(name)?.buffer as ArrayBuffer),
        generation: saved.generation,
        [Symbol.dispose]: () => saved[Symbol.dispose](),
      };
    },
    exportTo: (path) => exportTo(slots, path),
    importFrom(path) {
      layout = importFrom(slots, path, specs);
    },
    unlink: () => slots.unlink(),
    [Symbol.dispose]: () => slots[Symbol.dispose](),
  };
}
