import { closeSync, openSync, writeSync } from "node:fs";
import { defineState, openState, type ScalarSpec, scalar, type TensorSpec, tensor } from "../../gpu/mod.ts";

/** The schema of the files that the tests harm. */
export const schema: {
  readonly weights: TensorSpec<"f32">;
  readonly model: { readonly bias: TensorSpec<"i16"> };
  readonly step: ScalarSpec<"u32">;
} = defineState({ weights: tensor("f32", [100]), model: { bias: tensor("i16", [31]) }, step: scalar("u32") });

/** The same numbers in every run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Values that are all `step`. */
export function valuesOf(step: number): { weights: Float32Array; model: { bias: Int16Array }; step: number } {
  return { weights: new Float32Array(100).fill(step), model: { bias: new Int16Array(31).fill(step) }, step };
}

/** Saves the values of 1, 2, … `saves`. */
export async function saved(name: string, slots: 1 | 2, saves: number): Promise<void> {
  using state = await openState(schema, { name, slots });
  for (let step = 1; step <= saves; step++) state.save(valuesOf(step));
}

/** Loads by a new open. */
export async function load(name: string, slots: 1 | 2 = 1): Promise<unknown> {
  using state = await openState(schema, { name, slots });
  return state.load();
}

/** Overwrites bytes of a file in place. */
export function patch(path: string, at: number, bytes: Uint8Array): void {
  const fd = openSync(path, "r+");
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}
