/** A restore whose own threads are in the way starts anew, but not because of images of anybody. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startProgram } from "../../support/child.ts";
import { runCommand } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { writeImages } from "../../support/written_images.ts";

const script = join(import.meta.dirname as string, "../../support/stepping_aside.ts");

test("stepAside() reads images that others may write only when the user trusts them", async () => {
  for (const [mode, trust, then] of [
    [0o700, "", "started anew"],
    [0o777, "", "went on"],
    [0o777, "trust", "started anew"],
  ] as const) {
    using directory = temporaryDirectory();
    writeImages(directory.path);
    chmodSync(directory.path, mode);
    const [program, ...args] = runCommand["Deno" in globalThis ? "deno" : "bun"] as [string, ...string[]];
    const { stdout, stderr } = await startProgram(program, [...args, script, directory.path, trust]).ended;
    assert.equal(stdout.trim(), then, `${mode.toString(8)} ${trust} ${stderr}`);
  }
});
