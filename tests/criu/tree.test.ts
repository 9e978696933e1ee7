/** A tree with several attached processes, of both runtimes: all are told, one refusal refuses for all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { command, type DumpRefusedError } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { hook, noCriu, runCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;

for (const runtime of runtimes) {
  test(`${runtime} with children of both runtimes: all are told, dumped, restored and rebuilt`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { children: runtimes });
    await app.event("family");
    const dumped = await command().dump({ pid: app.pid, imagesDir: images.path });
    assert.equal(dumped.pids.length, 3);
    assert.equal(dumped.pids[0], app.pid);
    await app.ended();
    await waitFor("the children to be reaped", () => dumped.pids.every((pid) => !isThere(pid)), 10_000);
    const { processes } = await command().restore({ imagesDir: images.path });
    assert.deepEqual(processes.map(({ pid }) => pid).sort(), [...dumped.pids].sort());
    for (const { outcome, generation } of processes) assert.deepEqual([outcome, generation], ["restored", 1]);
    for (const pid of dumped.pids) process.kill(pid, "SIGKILL");
  });

  test(`${runtime} with a child that refuses: the dump is refused, and the others are told "aborted"`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { children: ["bun"], childDoes: "fails" });
    const { children } = await app.event("family");
    const dump = command().dump({ pid: app.pid, imagesDir: images.path });
    await assert.rejects(dump, (error: DumpRefusedError) => /the probe was told to fail/.test(error.message));
    assert.equal((await app.event("released")).outcome, "aborted");
    assert.notEqual(runCriu(["dump", "-t", String(app.pid), "-D", images.path, "--action-script", hook]).status, 0);
    assert.equal((await app.event("released", 2)).outcome, "aborted");
    await app.goesOn();
    for (const child of children as number[]) process.kill(child, "SIGKILL");
  });
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
