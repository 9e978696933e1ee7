/** What the argument of `state` means. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startProgram } from "../../support/child.ts";
import { cli } from "../../support/cli.ts";
import { runCommand } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

test("state takes a number for a pid, also where a file has it for its name, and ./NUMBER for the file", async () => {
  using directory = temporaryDirectory();
  const state = async (target: string): Promise<string> => {
    const command = [...runCommand["Deno" in globalThis ? "deno" : "bun"], cli, "state", target];
    const inside = ["-c", 'cd "$0" && exec "$@"', directory.path, ...command];
    const { stdout, stderr } = await startProgram("sh", inside).ended;
    return stdout + stderr;
  };
  // More than any pid can be.
  for (const name of ["4194305", "0", "007"]) {
    writeFileSync(join(directory.path, name), "no state");
    assert.match(
      await state(name),
      new RegExp(`There is no process ${name}\\. For a file of this name, say \\./${name}`),
    );
  }
  assert.match(await state("./007"), /^Cannot read ".*\/007"/);
});
