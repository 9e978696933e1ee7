/** What takes its time is compared while CRIU works, and what does not fit is refused before anything of it runs. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CriuError, command, locateCriu, rpc, UnfitImagesError } from "criu-aware/driver";
import { aliveSince } from "../../ffi/process.ts";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;

test("an image whose content has changed is refused while CRIU works: nothing has run, and nothing is left", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun");
  const imagesDir = join(directory.path, "images");
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended();
  const pages = join(imagesDir, "pages-1.img");
  const whole = readFileSync(pages);
  const damaged = Buffer.from(whole);
  damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
  for (const engine of [rpc(), command()]) {
    writeFileSync(pages, damaged);
    const [phases, hooks]: [string[], string[]] = [[], []];
    const restore = engine.restore({
      imagesDir,
      onPhase: ({ name }) => void phases.push(name),
      onHook: (hook) => void hooks.push(hook),
    });
    await assert.rejects(restore, (error: unknown) => {
      assert.ok(error instanceof UnfitImagesError, String(error));
      assert.match(error.message, /pages-1\.img has changed since the dump/);
      return true;
    });
    assert.ok(phases.includes("restoring"));
    assert.deepEqual(hooks, ["pre-restore"]);
    await waitFor("what CRIU has made to end", () => aliveSince(app.pid) === undefined, 10_000);
    assert.deepEqual(app.named("released"), []);
  }
  writeFileSync(pages, whole);
  await rpc().restore({ imagesDir });
  await app.goesOn();
});

test("a CRIU that is too old neither dumps nor restores, and the app goes on", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const old = join(path, "criu");
  const says = 'case "$*" in *--version*) echo Version: 3.17.1; exit ;; esac';
  writeFileSync(old, `#!/bin/sh\n${says}\nexec ${locateCriu()} "$@"\n`, { mode: 0o755 });
  const isTooOld = (error: unknown): boolean =>
    error instanceof CriuError && /^CRIU 3\.17\.1 is too old .* Run: /.test(error.message);
  await using app = await App.start("bun");
  const imagesDir = join(path, "images");
  for (const engine of [rpc, command]) {
    await assert.rejects(engine({ criu: old }).dump({ pid: app.pid, imagesDir }), isTooOld);
    assert.ok(!existsSync(imagesDir));
    await app.goesOn();
  }
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended();
  for (const engine of [rpc, command]) {
    await assert.rejects(engine({ criu: old }).restore({ imagesDir }), isTooOld);
    await waitFor("what CRIU has made to end", () => aliveSince(app.pid) === undefined, 10_000);
  }
  await rpc().restore({ imagesDir });
  await app.goesOn();
});
