/**
 * Saves for some seconds, to be killed while it does: `gpu_saver.ts NAME SLOTS`. All elements of a save are its step. Prints
 * the step after each save.
 */
import process from "node:process";
import { defineState, openState, type Schema, type State, scalar, type TensorSpec, tensor } from "../../gpu/mod.ts";

/** What it saves. */
export const schema: Schema & { readonly a: TensorSpec<"u32">; readonly b: TensorSpec<"u32"> } = defineState({
  a: tensor("u32", [500_000]),
  b: tensor("u32", [500_000]),
  step: scalar("u32"),
});

/** The step of the state that is loaded; throws when its parts are of different steps. */
export function loadedStep(state: State<typeof schema>): number {
  const { a, b, step } = state.load() as unknown as { a: Uint32Array; b: Uint32Array; step: number };
  if (a.every((element) => element === step) && b.every((element) => element === step)) return step;
  throw new Error(`Parts of different saves: ${a[0]}, ${a.at(-1)}, ${b[0]}, ${b.at(-1)}, ${step}.`);
}

async function main(name: string, slots: 1 | 2): Promise<void> {
  const state = await openState(schema, { name, slots });
  // Not without end: a test that is stopped does not kill it.
  for (let step = 1; step <= 5000; step++) {
    const array = new Uint32Array(500_000).fill(step);
    state.save({ a: array, b: array, step } as never);
    process.stdout.write(`${step}\n`);
    // So that the line leaves.
    if (step % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

const [name, slots] = process.argv.slice(2);
if (import.meta.main && name) await main(name, Number(slots) as 1 | 2);
