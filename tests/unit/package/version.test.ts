import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { version } from "../../../package/version.ts";

for (const name of ["package.json", "deno.json"]) {
  test(`the version is that of ${name}`, () => {
    const text = readFileSync(join(import.meta.dirname as string, "../../..", name), "utf8");
    assert.equal(JSON.parse(text).version, version);
  });
}
