/** `bun run bench NAME [--json]` runs bench/NAME.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const [name = "", ...flags] = process.argv.slice(2);
const names = ["notice", "dump", "gpu"];
if (
  !names.includes(name) ||
  !existsSync(join(import.meta.dirname as string, `${name}.ts`)) ||
  flags.some((flag) => flag !== "--json")
) {
  console.error(`Usage: bun run bench ${names.join("|")} [--json]`);
  process.exit(2);
}
const { bench } = (await import(`./${name}.ts`)) as { bench(json: boolean): Promise<void> };
await bench(flags.includes("--json"));
