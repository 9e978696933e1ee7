/** `bun run bench NAME [--json]` runs bench/NAME.ts; `dump` and `trim` take `--rounds N` as well. */
import { parseArgs } from "node:util";

const modules = {
  notice: () => import("./notice.ts"),
  dump: () => import("./dump.ts"),
  gpu: () => import("./gpu.ts"),
  trim: () => import("./trim.ts"),
  uniqueness: () => import("./uniqueness.ts"),
};
const usage =
  "Usage: bun run bench notice|gpu|uniqueness [--json]\n       bun run bench dump|trim [--rounds N] [--json]";

function fail(why: string): never {
  console.error(`${why}\n${usage}`);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({ allowPositionals: true, options: { json: { type: "boolean" }, rounds: { type: "string" } } });
  } catch (error) {
    return fail((error as Error).message);
  }
}

const { positionals, values } = parse();
const [name = "", ...more] = positionals;
if (!Object.hasOwn(modules, name) || more.length > 0) fail("Name one bench.");
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
// Of less than 6 samples not even the smallest and the largest enclose the median with 95 %.
if (rounds !== undefined && (!["dump", "trim"].includes(name) || !(Number.isInteger(rounds) && rounds >= 6)))
  fail("--rounds is a whole number from 6 on, for the benches of dumps.");
const { bench } = await modules[name as keyof typeof modules]();
await bench(values.json ?? false, rounds);
