/** SECURITY.md speaks of files and tests that are there, and of every place that takes something from outside. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { numbers, texts } from "../../page/layout.ts";
import { coveredBy, filesWithSigns, notFromOutside } from "../support/borders_of_files.ts";

const root = join(import.meta.dirname as string, "../..");
const document = readFileSync(join(root, "SECURITY.md"), "utf8");

/** The rows of the table under a heading, by their cells. */
function rowsUnder(heading: string): string[][] {
  const section = document.split(`${heading}\n`)[1]?.split(/\n#+ /)[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((line) => line.slice(2, -2).split(" | "));
}

const rows = rowsUnder("\n## The borders");
const fields = rowsUnder("\n### The fields of a page");
const codes = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code as string);

test("every border has a place where it is checked, and tests that attack it", () => {
  assert.ok(rows.length > 20 && fields.length > 5, `${rows.length} and ${fields.length} rows`);
  const wrong: string[] = [];
  for (const [border = "", , , where = "", tests = ""] of [...rows, ...fields]) {
    for (const path of codes(where)) if (!existsSync(join(root, path))) wrong.push(`${border}: there is no ${path}`);
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

test("every file that takes something from outside belongs to a border", () => {
  const found = filesWithSigns(root);
  assert.ok(found.size > 100, `only ${found.size} files were found`);
  const named = new Set(rows.flatMap(([, , , where]) => codes(where)));
  const known = new Set([...Object.values(coveredBy), ...Object.values(notFromOutside)].flat());
  const wrong = [...found]
    .filter(([file]) => !named.has(file) && !known.has(file))
    .map(
      ([file, signs]) =>
        `${file} has ${signs.join(", ")}. If it takes what somebody else may have written: name it in a row of SECURITY.md, with a test ` +
        "that attacks it; or, where a row speaks of it already, under that row in tests/support/borders_of_files.ts.",
    );
  for (const file of known)
    if (!found.has(file)) wrong.push(`${file} takes nothing from outside any more: tests/support/borders_of_files.ts`);
  for (const border of Object.keys(coveredBy))
    if (!rows.some(([first]) => first === border)) wrong.push(`SECURITY.md has no border "${border}"`);
  assert.deepEqual(wrong, []);
});

test("every field of the page is named, with the file that checks it", () => {
  const wrong: string[] = [];
  const named = fields.flatMap(([names]) => codes(names));
  for (const name of [...Object.keys(numbers), ...Object.keys(texts)]) {
    if (!named.includes(name))
      wrong.push(
        `page/layout.ts has the field ${name}: say in SECURITY.md, "The fields of a page", who checks it, and what attacks it`,
      );
  }
  for (const [names, , , where] of fields) {
    const text = codes(where)
      .map((path) => readFileSync(join(root, path), "utf8"))
      .join("\n");
    for (const name of codes(names)) {
      if (!(name in numbers || name in texts)) wrong.push(`SECURITY.md names the field ${name}, which there is not`);
      if (!text.includes(`"${name}"`)) wrong.push(`${where} does not read ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});
