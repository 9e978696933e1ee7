/** SECURITY.md speaks of files and tests that are there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname as string, "../..");
const rows = readFileSync(join(root, "SECURITY.md"), "utf8")
  .split("\n## The borders")[1]
  ?.split("\n")
  .filter((line) => /^\| (?!border|---)/.test(line))
  .map((line) => line.split(" | "));

test("every border has a place where it is checked, and tests that attack it", () => {
  assert.ok(rows && rows.length > 20, `${rows?.length} rows`);
  const wrong: string[] = [];
  for (const [border = "", , , where = "", tests = ""] of rows) {
    for (const [, path] of where.matchAll(/`([^`]+)`/g)) {
      if (!existsSync(join(root, path as string))) wrong.push(`${border}: there is no ${path}`);
    }
    const named = [...tests.matchAll(/`([^`]+)`((?:,? "[^"]+")+)/g)];
    if (named.length === 0) wrong.push(`${border}: no test is named`);
    for (const [, path, names = ""] of named) {
      const text = existsSync(join(root, path as string)) ? readFileSync(join(root, path as string), "utf8") : "";
      for (const [, name] of names.matchAll(/"([^"]+)"/g)) {
        if (!text.includes(name as string)) wrong.push(`${border}: ${path} has no test "${name}"`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
