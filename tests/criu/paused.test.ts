/** An app in a paused container cannot answer: a notice that reaches it too late does nothing. With a real cgroup freezer. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, type DumpRefusedError } from "criu-aware/driver";
import { processState } from "../../ffi/process.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { App } from "../support/app.ts";
import { runCli } from "../support/cli.ts";
import { hook, noCriu, runCriu } from "../support/criu.ts";
import { type Freezer, freezers, noFreezer, Pause } from "../support/freezer.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

const skip = noCriu || noFreezer;

for (const runtime of runtimes) {
  test(`${runtime}: a notice that a paused app sees after its deadline does nothing`, { skip }, async () => {
    await using app = await App.start(runtime);
    using pause = new Pause(freezers[0] as Freezer, app.pid);
    await pause.pause();
    {
      using page = await DriverPage.open(app.pid);
      page.leave({ id: "too-late", deadline: Date.now() + 100 });
      page.process.kill(page.noticeSignal as number);
    }
    await sleep(200);
    pause.resume();
    await app.goesOn();
    assert.deepEqual(app.named("before"), []);
  });

  test(`${runtime}: a notice that was withdrawn while the app was paused does nothing`, { skip }, async () => {
    await using app = await App.start(runtime);
    using pause = new Pause(freezers[0] as Freezer, app.pid);
    await pause.pause();
    {
      using page = await DriverPage.open(app.pid);
      page.leave({ id: "withdrawn" });
      page.process.kill(page.noticeSignal as number);
      page.withdraw("withdrawn");
    }
    pause.resume();
    await app.goesOn();
    assert.deepEqual(app.named("before"), []);
  });
}

for (const freezer of freezers) {
  test(`a driver refuses to notify an app that is paused by ${freezer.root}/…/${freezer.file}`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun");
    using pause = new Pause(freezer, app.pid);
    await pause.pause();
    const dump = command().dump({ pid: app.pid, imagesDir: images.path });
    await assert.rejects(dump, (error: DumpRefusedError) => /is paused/.test(error.message));
    const byHand = runCriu([
      "dump",
      "-t",
      String(app.pid),
      "-D",
      images.path,
      "-o",
      "hook.log",
      "--action-script",
      hook,
    ]);
    assert.notEqual(byHand.status, 0);
    assert.match(readFileSync(`${images.path}/hook.log`, "utf8"), /is paused and cannot answer/);
    pause.resume();
    await app.goesOn();
    assert.deepEqual(app.named("before"), []);
  });
}

test("every command says at once that an app is stopped, and how to let it go on", { skip: noCriu }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun");
  process.kill(app.pid, "SIGSTOP");
  await waitFor("the stop", () => processState(app.pid) === "T");
  const cure = new RegExp(`is stopped \\(SIGSTOP\\) and cannot answer; let it go on: kill -CONT ${app.pid}`);
  // Longer than a test may take: nobody waits for an answer.
  const patience = ["--timeout-ms", "600000"];
  for (const command of [
    ["dump", app.pid, "-D", join(images.path, "none"), ...patience],
    ["notify", app.pid, ...patience],
    ["simulate", app.pid, ...patience],
  ]) {
    const { code, err } = await runCli("bun", command);
    assert.equal(code, 3, err);
    assert.match(err, cure);
  }
  const inspected = await runCli("bun", ["inspect", app.pid]);
  assert.equal(inspected.code, 1, inspected.err);
  assert.match(inspected.out.replace(/\s+/g, " "), cure);
  assert.match((await runCli("bun", ["status", app.pid])).out, cure);
  assert.match((await runCli("bun", ["status"])).out, /running, stopped/);
  process.kill(app.pid, "SIGCONT");
  await app.goesOn();
  assert.deepEqual(app.named("before"), []);
});
