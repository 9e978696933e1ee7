/** An app asks for its own dump, on real CRIU. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { MANIFEST, readManifest } from "criu-aware/images";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { dumpableEnv, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;

for (const runtime of runtimes) {
  test(`${runtime}: checkpoint() resolves with "continued" in the original and with "restored" in its copy`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    const imagesDir = join(images.path, "images");
    await using app = await App.start(runtime, { imagesDir, leaveRunning: true }, "self_app.ts");
    process.kill(app.pid, "SIGUSR2");
    assert.equal((await app.event("checkpoint")).outcome, "continued");
    await app.goesOn();
    assert.deepEqual(
      readManifest(imagesDir).apps.map(({ pid }) => pid),
      [app.pid],
    );
    process.kill(app.pid, "SIGKILL");
    await app.ended();
    const { processes } = await rpc().restore({ imagesDir });
    assert.equal(processes[0]?.outcome, "restored");
    const { outcome, generation } = await app.event("checkpoint", 2);
    assert.deepEqual({ outcome, generation }, { outcome: "restored", generation: 1 });
    assert.deepEqual(
      app.named("after").map((event) => event.outcome),
      ["continued", "restored"],
    );
    await app.goesOn();
  });

  test(`${runtime}: without leaveRunning checkpoint() ends the original, and resolves in the copy alone`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    const imagesDir = join(images.path, "images");
    await using app = await App.start(runtime, { imagesDir }, "self_app.ts");
    process.kill(app.pid, "SIGUSR2");
    await app.ended();
    assert.deepEqual(app.named("checkpoint"), []);
    // The claim goes last.
    const isDone = (): boolean =>
      existsSync(join(imagesDir, MANIFEST)) && !existsSync(join(imagesDir, "criu-aware.claim"));
    await waitFor("the manifest", isDone, 10_000);
    const { leftRunning, program } = readManifest(imagesDir);
    assert.equal(leftRunning, false);
    // Longer than a command line can be, it comes to who writes it down by another way.
    assert.ok(program?.files?.some(({ path }) => path.endsWith("/tests/support/self_app.ts")));
    await rpc().restore({ imagesDir });
    assert.equal((await app.event("checkpoint")).outcome, "restored");
    await app.goesOn();
  });

  test(`${runtime}: checkpoint() and the agent say in both lives what could not be rebuilt`, { skip }, async () => {
    using images = temporaryDirectory();
    const imagesDir = join(images.path, "images");
    await using app = await App.start(runtime, { imagesDir, leaveRunning: true, fails: true }, "self_app.ts");
    process.kill(app.pid, "SIGUSR2");
    const errors = ["ResourceError: self: the app was told to fail"];
    const original = await app.event("checkpoint");
    assert.deepEqual([original.outcome, original.errors, original.lastErrors], ["continued", errors, errors]);
    process.kill(app.pid, "SIGKILL");
    await app.ended();
    const { processes } = await rpc().restore({ imagesDir });
    assert.deepEqual(processes[0]?.errors, [{ resource: "self", message: "the app was told to fail" }]);
    const copy = await app.event("checkpoint", 2);
    assert.deepEqual([copy.outcome, copy.errors, copy.lastErrors], ["restored", errors, errors]);
  });

  test(`${runtime}: checkpoint() rejects when a resource refuses, and nothing is left`, { skip }, async () => {
    using images = temporaryDirectory();
    const imagesDir = join(images.path, "images");
    await using app = await App.start(runtime, { imagesDir, refuses: true }, "self_app.ts");
    process.kill(app.pid, "SIGUSR2");
    const { name, message } = await app.event("failed");
    assert.equal(name, "DumpRefusedError");
    assert.match(String(message), /self: the app was told to refuse/);
    assert.equal((await app.event("after")).outcome, "aborted");
    assert.ok(!existsSync(imagesDir));
    await app.goesOn();
  });

  test(`${runtime}: checkpoint() rejects when CRIU fails, with what its log says, and the app goes on`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    const imagesDir = join(images.path, "images");
    const criuOptions = { freezeCgroup: "/nowhere" };
    await using app = await App.start(runtime, { imagesDir, criuOptions }, "self_app.ts");
    process.kill(app.pid, "SIGUSR2");
    const { name, message } = await app.event("failed");
    assert.equal(name, "CriuError");
    assert.match(String(message), /freezer\.state/);
    assert.equal((await app.event("after")).outcome, "aborted");
    assert.ok(!existsSync(join(imagesDir, "inventory.img")));
    await app.goesOn();
  });

  test(`${runtime}: checkpoint() rejects when CRIU ends without an answer, and the app goes on`, { skip }, async () => {
    using images = temporaryDirectory();
    const imagesDir = join(images.path, "images");
    const criu = join(images.path, "criu");
    writeFileSync(criu, '#!/bin/sh\n[ "$1" = swrk ] || exec echo "Version: 4.2"\nexit 3\n', { mode: 0o755 });
    await using app = await App.start(runtime, { imagesDir, criu }, "self_app.ts");
    process.kill(app.pid, "SIGUSR2");
    assert.equal((await app.event("failed")).name, "CriuError");
    assert.equal((await app.event("after")).outcome, "aborted");
    await app.goesOn();
  });

  test(`${runtime}: pid 1 is told at once why it cannot dump itself, and what can`, { skip }, () => {
    const app = join(import.meta.dirname as string, "../support/self_app.ts");
    const options = JSON.stringify({ imagesDir: "/nowhere", atOnce: true });
    const command = ["--pid", "--fork", "--mount-proc", ...runCommand[runtime], app, options];
    const { stdout, stderr } = spawnSync("unshare", command, {
      encoding: "utf8",
      env: { ...process.env, ...dumpableEnv },
    });
    assert.match(stdout, /"UsageError","message":"Cannot dump pid 1 from inside: .*init/, stderr);
    assert.ok(!existsSync("/nowhere"));
  });
}
