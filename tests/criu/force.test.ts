/** What a manifest says against a restore, and what --force and --cpu-cap let pass: by kind. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { end } from "../support/child.ts";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

/** A dump on a CPU that could do more. */
async function dumpedWith(features: readonly string[], directory: string, app: App): Promise<string> {
  const imagesDir = join(directory, "images");
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended();
  const path = join(imagesDir, "criu-aware.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  manifest.machine.cpuFeatures.push(...features);
  writeFileSync(path, JSON.stringify(manifest));
  return imagesDir;
}

async function refused(args: readonly string[], reason: RegExp, directory: string): Promise<void> {
  const { code, err } = await runCli("bun", ["restore", ...args], { TMPDIR: directory });
  assert.equal(code, 1, err);
  assert.match(err, reason);
  assert.match(err, /Cannot restore .* here \(with --force=/);
}

test("images whose only lack is a flag like erms or fsrm are restored, with a note", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun");
  // Of this kind, and one that this CPU does not have.
  const images = await dumpedWith(["fzrm"], directory.path, app);
  const { code, err } = await runCli("bun", ["restore", images]);
  assert.equal(code, 0, err);
  assert.match(err, /This CPU lacks what makes a program faster, and no program needs: fzrm/);
  await app.goesOn();
});

test("--cpu-cap=none counts for our own comparison of CPUs, too", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const images = await dumpedWith(["avx_of_tomorrow"], path, app);
  await refused([images], /This CPU lacks what the dumped program may use: avx_of_tomorrow/, path);
  for (const engine of ["rpc", "command"]) {
    const { code, err } = await runCli("bun", [
      "restore",
      images,
      "--engine",
      engine,
      "--criu-option",
      "--cpu-cap=none",
    ]);
    assert.equal(code, 0, err);
    assert.match(err, /which --cpu-cap=none lets pass: avx_of_tomorrow/);
    await app.goesOn();
    await end(app.pid);
  }
});

test("--force is by kind, and never for damaged images unless that is named", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const images = await dumpedWith(["avx_of_tomorrow"], path, app);
  const pages = readdirSync(images).find((name) => name.startsWith("pages-")) as string;
  const whole = readFileSync(join(images, pages));
  truncateSync(join(images, pages), whole.length - 4096);
  await refused([images, "--force", "cpu"], /--force=file,cpu .*pages-1\.img has/s, path);
  await refused([images, "--force=file"], /--force=file,cpu .*avx_of_tomorrow/s, path);
  // Without a kind: all but damage.
  await refused([images, "--force"], /--force=file,cpu .*pages-1\.img has/s, path);
  assert.ok(!existsSync(`/proc/${app.pid}`));
  // Then CRIU has the last word, and it does not look whether pages are missing.
  const named = await runCli("bun", ["restore", images, "--force", "cpu,file"], { TMPDIR: path });
  assert.doesNotMatch(named.err, /Cannot restore .* here/);
  await end(app.pid);

  writeFileSync(join(images, pages), whole);
  const wrong = await runCli("bun", ["restore", "--force", images]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /must be one of manifest, file, .*the directory comes before --force/);
  const restored = await runCli("bun", ["restore", images, "--force", "cpu", "--force", "kernel"]);
  assert.equal(restored.code, 0, restored.err);
  await app.goesOn();
});

test("a manifest that is damaged is damage, and one that is not there is none", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const images = await dumpedWith([], path, app);
  writeFileSync(join(images, "criu-aware.json"), "{");
  await refused([images, "--force"], /--force=file.*is damaged/s, path);
  const { processes } = await rpc().restore({ imagesDir: images, force: ["file"] });
  assert.deepEqual(processes[0]?.errors, []);
  await app.goesOn();
});
