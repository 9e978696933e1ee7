/** Work in flight and secrets, through a real dump and restore. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

/** A file that holds a secret of its own. */
function writeSecret(directory: string): string {
  const path = join(directory, "secret");
  writeFileSync(path, crypto.randomUUID());
  return path;
}

for (const runtime of runtimes) {
  test(`${runtime}: work in flight ends before the dump, late work begins after it, and no secret is in the image`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const secretFile = writeSecret(directory.path);
    const imagesDir = join(directory.path, "images");
    await using app = await App.start(runtime, { secretFile }, "guarded_app.ts");
    await rpc().dump({ pid: app.pid, imagesDir });
    await app.ended();
    const { code, err } = await runCli("bun", ["images", imagesDir, "--find-file", secretFile]);
    assert.equal(code, 1, err);
    const { processes } = await rpc().restore({ imagesDir });
    assert.deepEqual(processes[0]?.errors, []);
    await app.event("ends", 2);
    assert.deepEqual(
      app.events().filter(({ event }) => event !== "tick"),
      [
        { event: "attached", pid: app.pid },
        { event: "begins", what: "early", generation: 0 },
        { event: "ends", what: "early", bytes: 36, generation: 0 },
        { event: "holding", inside: 0, ready: false },
        // The gate opens, and who has waited begins when the hooks are done with this turn.
        { event: "rebuilding", ready: false },
        { event: "begins", what: "late", generation: 1 },
        { event: "ends", what: "late", bytes: 36, generation: 1 },
      ],
    );
    await app.goesOn();
    assert.equal(app.named("tick").at(-1)?.ready, true);
  });

  test(`${runtime}: a secret that an app keeps by itself is found in the image`, { skip }, async () => {
    using directory = temporaryDirectory();
    const secretFile = writeSecret(directory.path);
    const imagesDir = join(directory.path, "images");
    await using app = await App.start(runtime, { secretFile, careless: true }, "guarded_app.ts");
    await rpc().dump({ pid: app.pid, imagesDir });
    const { code, err } = await runCli("bun", ["images", imagesDir, "--find-file", secretFile]);
    assert.equal(code, 0, err);
  });
}
