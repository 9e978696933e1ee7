/**
 * `npm run fuzz -- [--minutes N] [--inputs N] [--only BORDER] [--seed S]`: the properties of the tests, for longer and from another
 * beginning each time. Ends with 1 when one does not hold.
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { anySeed, type Border, tryBorder } from "./border.ts";
import { borders } from "./borders.ts";

/** So many inputs have one seed: what fails is found again in a few seconds. No less than a test tries. */
const CHUNK = 3000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    inputs: { type: "string" },
    only: { type: "string" },
    seed: { type: "string" },
  },
});
const chosen = borders.filter(({ name }) => values.only === undefined || name === values.only);
if (chosen.length === 0) {
  console.error(`There is no border ${values.only}: there are ${borders.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}
const first = Number(values.seed ?? anySeed());
// One seed alone is tried again; a number of inputs takes as long as it takes.
const minutes =
  values.minutes ?? (values.inputs !== undefined ? Number.POSITIVE_INFINITY : values.seed === undefined ? 1 : 0);
const wanted = Number(values.inputs ?? Number.POSITIVE_INFINITY);
const msEach = (Number(minutes) * 60_000) / chosen.length;

const table = new Table({ head: ["border", "inputs", "seeds", "seconds", "failed"], style: { head: [], border: [] } });
let failed = 0;
for (const border of chosen) {
  const begun = performance.now();
  const { inputs, last, failure } = await fuzz(border, begun + msEach);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  table.push([border.name, inputs, `${first}-${last}`, seconds, failure === undefined ? "" : "yes"]);
  if (failure === undefined) continue;
  failed++;
  console.error(`\n${border.name}\n${failure}\n`);
}
console.log(table.toString());
process.exit(failed > 0 ? 1 : 0);

/** At least one seed; a border that fails is not tried any further. */
async function fuzz(
  border: Border,
  end: number,
): Promise<{ inputs: number; last: number; failure: string | undefined }> {
  let inputs = 0;
  for (let seed = first; ; seed++) {
    const { runs, failure } = await tryBorder(border, { seed, runs: Math.min(CHUNK, wanted - inputs) });
    inputs += runs;
    if (failure !== undefined || performance.now() >= end || inputs >= wanted) return { inputs, last: seed, failure };
  }
}
