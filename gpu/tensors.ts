import { type ArrayOf, arrayOver, type DType, dtypes, type OwnArrayOf, type ScalarOf } from "./dtype.ts";
import { openMemory } from "./memory.ts";
import { checkName, type ScalarSpec, type Spec, type TensorSpec, tensor } from "./schema.ts";
import { placeTensors, Slots, type StateOptions } from "./slots.ts";
import { StateError } from "./state_error.ts";
import { copyBytes, toArray } from "./values.ts";

/** A tensor with its elements; to compare `dtype` tells the type of `data`. */
export type Tensor = {
  [D in DType]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: ArrayOf<D> };
}[DType];

/** A save in progress, straight into shared memory. Disposal without `commit` gives it up. */
export interface TensorsWriter extends Disposable {
  /** To be filled completely. After the save they are detached, with length 0. */
  readonly views: ReadonlyMap<string, OwnArrayOf<DType>>;
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
  set<D extends DType>(name: string, value: ScalarOf<D>, spec: ScalarSpec<D>): void;
  get(name: string): Tensor | undefined;
  /** True when there was such a tensor. */
  delete(name: string): boolean;
  /** Writes all tensors into shared memory. @throws {StateError} `schema`, `busy`, `closed`, `space`. */
  save(): void;
  /**
   * Begins a save of exactly these tensors for a device that writes itself; `tensors` is not touched. Throws as `save`
   * does.
   */
  begin(specs: Iterable<readonly [name: string, spec: Spec]>): TensorsWriter;
  /**
   * Replaces `tensors` with copies of the newest valid state. Throws as `State.load` does, and then changes nothing.
   */
  load(): void;
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
  const begin = (specs: Iterable<readonly [string, Spec]>): TensorsWriter => {
    const layout = placeTensors(checked(specs));
    const writer = slots.begin(layout);
    const views = [...layout.tensors].map(
      ([name, { dtype }]) => [name, arrayOver(dtype, writer.buffers.get(name) as ArrayBuffer)] as const,
    );
    return { views: new Map(views), commit: writer.commit, [Symbol.dispose]: () => writer[Symbol.dispose]() };
  };
  return {
    get tensors() {
      return tensors;
    },
    get generation() {
      return slots.generation;
    },
    set(name: string, value: unknown, spec?: Spec): void {
      checkName(name);
      const { dtype, shape, kind } = spec ?? specOf(value, name);
      tensors.set(name, { dtype, shape, data: toArray({ dtype, shape, kind } as Spec, value, name) } as Tensor);
    },
    get: (name) => tensors.get(name),
    delete: (name) => tensors.delete(name),
    save() {
      // Checked again: a buffer may have been detached or resized since it was set.
      const arrays = [...tensors].map(([name, { dtype, shape, data }]) => toArray(tensor(dtype, shape), data, name));
      using writer = begin([...tensors].map(([name, { dtype, shape }]) => [name, tensor(dtype, shape)]));
      const views = [...writer.views.values()];
      for (const [i, array] of arrays.entries()) copyBytes(array, (views[i] as OwnArrayOf<DType>).buffer);
      writer.commit();
    },
    begin,
    load() {
      using saved = slots.read("copy");
      const found = [...saved.tensors].map(
        ([name, { dtype, shape, buffer }]) =>
          [name, { dtype, shape, data: arrayOver(dtype, buffer) } as Tensor] as const,
      );
      tensors = new Map(found);
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
