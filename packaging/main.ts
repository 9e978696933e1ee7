/** `npm run package:check [NAME …]`: builds and packs the package, and makes every check of `checks/`, or those named. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.ts";
import { type Check, Skipped } from "./check.ts";
import { describeContents } from "./contents.ts";

const root = join(import.meta.dirname as string, "..");
const wanted = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), "criu-aware-package-"));
const end = (status: number): never => {
  rmSync(work, { recursive: true, force: true });
  process.exit(status);
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => end(1));

let failed = 0;
try {
  const files = readdirSync(join(import.meta.dirname as string, "checks")).filter((file) => file.endsWith(".ts"));
  const all = files.map((file) => file.slice(0, -".ts".length)).sort();
  const unknown = wanted.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`There is no check ${unknown.join(", ")}: there are ${all.join(", ")}.`);
  const built = await build(root, work);
  if (wanted.length === 0) console.log(describeContents(built));
  for (const name of wanted.length > 0 ? wanted : all) {
    const { check } = (await import(`./checks/${name}.ts`)) as { check: Check };
    const directory = join(work, name);
    mkdirSync(directory);
    const started = performance.now();
    const line = (word: string, more?: string): void =>
      console.log(
        `${word} ${check.name}${more ? `: ${more}` : ""} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
      );
    try {
      line("ok     ", await check.run({ ...built, root, directory }));
    } catch (error) {
      if (error instanceof Skipped) {
        line("skipped", error.message);
        continue;
      }
      failed++;
      line("FAILED ", (error as Error).message);
    }
    rmSync(directory, { recursive: true, force: true });
  }
} catch (error) {
  failed++;
  console.error((error as Error).message);
}
if (failed > 0) console.error(`${failed} failed`);
end(failed > 0 ? 1 : 0);
