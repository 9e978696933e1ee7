import type { Control } from "./control.ts";
import type { Layout } from "./layout.ts";
import { StateError } from "./state_error.ts";

/** How a state is saved. */
export interface SaveOptions {
  /**
   * Which tensors may differ from the last save: the others are not copied, and keep their checksums.
   * - `all`: every tensor is copied
   * - `compare`: each tensor is compared with what is in the slot, and copied when it differs: reading instead of writing
   * - names: these have changed since the last save, and you are sure of the others. Where a slot holds something else
   *   than an earlier save of this object, everything is copied all the same.
   * @default "all"
   */
  readonly changed?: "all" | "compare" | readonly string[] | ReadonlySet<string>;
}

interface Save {
  readonly generation: number;
  readonly header: Uint8Array;
  readonly checksums: readonly number[];
  /** undefined: everything may have changed. */
  readonly changed: ReadonlySet<string> | undefined;
}

/** The last saves of this object: with two slots, what is overwritten is older than the last one. */
export class Changes {
  #saves: Save[] = [];

  /**
   * The tensors whose bytes in a slot that was committed as `control` are those of the last save, and not in `changed`.
   * @throws {StateError} `schema` for a name that the layout does not have.
   */
  held(control: Control | undefined, layout: Layout, newest: number, changed: ReadonlySet<string>): Set<string> {
    for (const name of changed) {
      if (!layout.tensors.has(name))
        throw new StateError("schema", `Cannot save the state: ${name} is named as changed and is not in it.`);
    }
    const at = this.#saves.findIndex(({ generation }) => generation === control?.generation);
    const since = this.#saves.slice(at);
    const isOurs =
      at >= 0 &&
      // Another process may have saved meanwhile.
      this.#saves.at(-1)?.generation === newest &&
      since.every(({ header }) => Buffer.compare(header, layout.header) === 0) &&
      since[0]?.checksums.every((sum, i) => sum === control?.checksums[i]);
    if (!isOurs) return new Set();
    const held = new Set(layout.tensors.keys());
    for (const set of [changed, ...since.slice(1).map((save) => save.changed ?? held)]) {
      for (const name of [...set]) held.delete(name);
    }
    return held;
  }

  add(save: Save): void {
    this.#saves = [...this.#saves.slice(-2), save];
  }
}
