/** Runs a program under test, `drawer.ts MODULE DIRECTORY`, and leaves in the directory what its `draw()` returns in each copy. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { register } from "../registry.ts";
import type { Answer } from "./clones.ts";

const [module, directory] = process.argv.slice(2) as [string, string];

/** Whole or not at all: somebody looks for it. */
function leave(answer: Answer): void {
  const path = join(directory, "answer");
  writeFileSync(`${path}.new`, JSON.stringify(answer));
  renameSync(`${path}.new`, path);
}

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (value instanceof ArrayBuffer) return textsOf(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return [new Uint8Array(value.buffer, value.byteOffset, value.byteLength).toHex()];
  return [typeof value === "string" ? value : (JSON.stringify(value) ?? String(value))];
}

/** With where it was thrown: whoever reads it looks for his own line. */
function whole(thrown: unknown): string {
  return String((thrown as Error | undefined)?.stack || thrown);
}

async function answerOf(draw: () => unknown): Promise<Answer> {
  try {
    const drawn = Object.entries((await draw()) as object);
    if (drawn.length === 0)
      return { error: "draw() returned nothing to compare: it must return an object of values by their names" };
    return { draws: Object.fromEntries(drawn.map(([name, value]) => [name, textsOf(value)])) };
  } catch (error) {
    return { error: `draw() failed: ${whole(error)}` };
  }
}

try {
  const { draw } = (await import(module)) as { draw?: () => unknown };
  if (typeof draw !== "function") throw new TypeError("it exports no function draw()");
  register({
    name: "draws",
    afterRestore({ outcome }) {
      // The last resource of all: in the next turn everything is rebuilt.
      if (outcome === "restored") setTimeout(async () => leave(await answerOf(draw)));
    },
  });
  setInterval(() => {}, 1000);
  leave({ draws: {} });
} catch (error) {
  leave({ error: `it cannot be loaded: ${whole(error)}` });
}
