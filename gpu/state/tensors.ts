import type { SaveOptions } from "./changes.ts";
import { type ArrayOf, arrayOver, type DType, dtypes, type OwnArrayOf, type ScalarOf } from "./dtype.ts";
import type { Placed } from "./layout.ts";
import { openMemory } from "./memory.ts";
import { decodeReferences, encodeReferences, makeReference, type Reference, readReference } from "./reference.ts";
import { checkName, type ScalarSpec, type Spec, type TensorSpec, tensor } from "./schema.ts";
import { placeTensors, Slots, type StateOptions } from "./slots.ts";
import { StateError } from "./state_error.ts";
import { exportTo, foreignMetadata, importFrom } from "./transfer.ts";
import { toArray } from "./values.ts";

/** A tensor with its elements; to compare `dtype` tells the type of `data`. */
export type Tensor = {
  [D in DType]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: ArrayOf<D> };
}[DType];

/** A save in progress, straight into shared memory. Disposal without `commit` gives it up. */
export interface TensorsWriter extends Disposable {
  /** To be filled completely: all that `changed` does not exclude. After the save they are detached, with length 0. */
  readonly views: ReadonlyMap<string, OwnArrayOf<DType>>;
  /** Makes the save count: before, `load` finds the one before it. */
  commit(): void;
}

/** Named tensors without a schema. Which there are may change from save to save. */
export interface Tensors extends Disposable {
  /** The tensors that the next `save` writes, or that `load` found, by name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The number of the save that was last made or loaded by this object; 0 before. */
  readonly generation: number;
  /**
   * Adds or replaces a tensor. `data` is kept, not copied: its elements are read when `save` runs. Without a spec it
   * has one dimension and the dtype of its array (Uint8Array: u8, Uint16Array: u16).
   * @throws {StateError} `schema` when the name cannot be or the data is not what the spec says.
   */
  set<D extends DType = DType>(name: string, data: ArrayOf<D>, spec?: TensorSpec<D> | ScalarSpec<D>): void;
  /** Adds or replaces a single value. */
  set<D extends DType>(name: string, value: ScalarOf<D>, spec: ScalarSpec<D>): void;
  /**
   * Adds or replaces a tensor by a reference: it is not copied, but read again from a safetensors file by `load`, and
   * `get` has it only then. A file that is gone then, or whose tensor has other bytes, is an error, never another value.
   * `tensor` is its name in the file. Reads all its bytes for the digest.
   * @throws {StateError} `reference` when the file cannot be read or has no such tensor; `schema`.
   */
  refer(name: string, path: string, tensor?: string): void;
  /** What `refer` added, or `load` found. */
  readonly references: ReadonlyMap<string, Reference>;
  /** A tensor by its name; undefined when there is none. */
  get(name: string): Tensor | undefined;
  /** True when there was such a tensor, or reference. */
  delete(name: string): boolean;
  /** Writes all tensors into shared memory. @throws {StateError} `schema`, `busy`, `closed`, `space`. */
  save(options?: SaveOptions): void;
  /**
   * Begins a save of exactly these tensors for a device that writes itself; `tensors` is not touched. Throws as `save`
   * does.
   */
  begin(specs: Iterable<readonly [name: string, spec: Spec]>, options?: SaveOptions): TensorsWriter;
  /**
   * Replaces `tensors` with copies of the newest valid state. Throws as `State.load` does, and `reference`, and then
   * changes nothing.
   */
  load(): void;
  /**
   * Writes the newest valid state into a file of mode 0600: one safetensors file for any reader, on disk when this returns.
   * Throws as `load` does, and what node:fs throws.
   */
  exportTo(path: string): void;
  /**
   * Saves what is in a file, of `exportTo` or any other safetensors file, and loads it. Its `__metadata__` is kept, also by later saves.
   * @throws {StateError} `foreign`, `truncated`, `corrupt`; as `save` does.
   */
  importFrom(path: string): void;
  /** Removes the names from /dev/shm. */
  unlink(): void;
}

/**
 * Opens a state whose tensors are named at run time. Memory is taken when it is saved: a set of other sizes gets a new
 * segment, and the old one stays valid until the new one is committed, also with one slot.
 * @throws {StateError | RangeError} as `openState` does.
 *
 * @example
 * ```ts
 * import { openTensors, tensor } from "criu-aware/gpu";
 * using state = await openTensors({ slots: 2 });
 * state.set("layer1", new Float32Array(6), tensor("f32", [2, 3]));
 * state.save();
 * ```
 */
export async function openTensors(options: StateOptions = {}): Promise<Tensors> {
  const slots = new Slots(await openMemory(options), options);
  let tensors = new Map<string, Tensor>();
  let references = new Map<string, Reference>();
  /** What other programs have put into `__metadata__`. */
  let metadata: Record<string, string> = {};
  const begin = (specs: Iterable<readonly [string, Spec]>, options?: SaveOptions): TensorsWriter => {
    const layout = placeTensors(checked(specs), metadata);
    const writer = slots.begin(layout, options);
    const views = [...writer.buffers].map(
      ([name, buffer]) => [name, arrayOver((layout.tensors.get(name) as Placed).dtype, buffer)] as const,
    );
    return { views: new Map(views), commit: writer.commit, [Symbol.dispose]: () => writer[Symbol.dispose]() };
  };
  const load = (): void => {
    using saved = slots.read("copy");
    const known = decodeReferences(saved.metadata, "the state");
    const found = [...saved.tensors].map(([name, { dtype, shape, buffer }]) => [name, dtype, shape, buffer] as const);
    const followed = [...known].map(
      ([name, reference]) => [name, reference.dtype, reference.shape, readReference(reference)] as const,
    );
    tensors = new Map(
      [...found, ...followed].map(([name, dtype, shape, buffer]) => [
        name,
        { dtype, shape, data: arrayOver(dtype, buffer) } as Tensor,
      ]),
    );
    references = known;
    metadata = foreignMetadata(saved.metadata);
  };
  return {
    get tensors() {
      return tensors;
    },
    get references() {
      return references;
    },
    get generation() {
      return slots.generation;
    },
    set(name: string, value: unknown, spec?: Spec): void {
      checkName(name);
      const { dtype, shape, kind } = spec ?? specOf(value, name);
      tensors.set(name, { dtype, shape, data: toArray({ dtype, shape, kind } as Spec, value, name) } as Tensor);
      references.delete(name);
    },
    refer(name, path, tensor = name) {
      checkName(name);
      references.set(name, makeReference(path, tensor));
      tensors.delete(name);
    },
    get: (name) => tensors.get(name),
    delete(name) {
      const wasReference = references.delete(name);
      return tensors.delete(name) || wasReference;
    },
    save(options) {
      const own = new Map([...tensors].filter(([name]) => !references.has(name)));
      // Checked again: a buffer may have been detached or resized since it was set.
      const arrays = [...own].map(
        ([name, { dtype, shape, data }]) => [name, toArray(tensor(dtype, shape), data, name)] as const,
      );
      using writer = slots.begin(placeTensors(own, { ...metadata, ...encodeReferences(references) }), options);
      for (const [name, array] of arrays) writer.write(name, array);
      writer.commit();
    },
    begin,
    load,
    exportTo: (path) => exportTo(slots, path),
    importFrom(path) {
      importFrom(slots, path);
      load();
    },
    unlink: () => slots.unlink(),
    [Symbol.dispose]: () => slots[Symbol.dispose](),
  };
}

function checked(specs: Iterable<readonly [string, Spec]>): Map<string, Spec> {
  const map = new Map<string, Spec>();
  for (const [name, spec] of specs) {
    checkName(name);
    if (map.has(name)) throw new StateError("schema", `Cannot save the tensors: ${name} is there twice.`);
    map.set(name, spec);
  }
  return map;
}

function specOf(value: unknown, name: string): Spec {
  const tag = ArrayBuffer.isView(value) ? (value as Uint8Array)[Symbol.toStringTag] : typeof value;
  const dtype = (Object.keys(dtypes) as DType[]).find((each) => each !== "bf16" && dtypes[each].array.name === tag);
  if (dtype) return tensor(dtype, [(value as Uint8Array).length]);
  throw new StateError(
    "schema",
    `Cannot set ${name}: ${tag} is no typed array that has a dtype. A single value needs scalar(…).`,
  );
}
