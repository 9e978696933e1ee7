/** What must hold at each border, whatever comes; `npm run fuzz` tries the same for longer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anySeed, tryBorder } from "../properties/border.ts";
import { borders } from "../properties/borders.ts";

const seed = Number(process.env.FUZZ_SEED ?? anySeed());

for (const border of borders) {
  test(`whatever comes, it holds what ${border.name} says: FUZZ_SEED=${seed}`, async (context) => {
    if (process.platform !== "linux") return context.skip("needs Linux");
    const { runs, failure } = await tryBorder(border, { seed, runs: border.runs });
    if (failure !== undefined) assert.fail(failure);
    assert.equal(runs, border.runs);
  });
}
