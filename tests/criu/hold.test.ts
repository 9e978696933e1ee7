/** The hold on real CRIU: from `ready` to the outcome nothing runs, and the outcome is known without anybody telling. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { DriverPage } from "../../page/driver_page.ts";
import { App } from "../support/app.ts";
import { noCriu, runCriu, runCriuAsync } from "../support/criu.ts";
import { holdApp, pageStatus } from "../support/notice.ts";
import { runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep } from "../support/time.ts";

const skip = noCriu;

for (const runtime of runtimes) {
  test(`${runtime}: dumped and restored by somebody who knows nothing of us, a held app knows that it is restored`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { busy: true });
    await holdApp(app);
    assert.equal(await runCriuAsync(["dump", "-t", String(app.pid), "-D", images.path]), 0);
    await app.ended();
    assert.deepEqual(app.named("released"), []);
    assert.equal(runCriu(["restore", "-d", "-D", images.path]).status, 0);
    const { outcome, intervalWhileHeld, promiseWhileHeld } = await app.event("released");
    assert.equal(outcome, "restored");
    assert.equal(intervalWhileHeld, 0);
    assert.equal(promiseWhileHeld, 0);
    await app.goesOn();
    assert.equal((await app.event("tick")).generation, 1);
  });

  test(`${runtime}: dumped with --leave-running by somebody who knows nothing of us, a held app knows that it continued`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { busy: true });
    await holdApp(app);
    const dumped = runCriu(["dump", "-t", String(app.pid), "-D", images.path, "--leave-running"]);
    assert.equal(dumped.status, 0, dumped.output);
    const { outcome, intervalWhileHeld, promiseWhileHeld } = await app.event("released", 1, 3_000);
    assert.equal(outcome, "continued");
    assert.equal(intervalWhileHeld, 0);
    assert.equal(promiseWhileHeld, 0);
    await app.goesOn();
    assert.equal((await app.event("tick")).generation, 0);
  });

  test(`${runtime}: the driver killed while the app is held, the app goes on with "continued"`, { skip }, async () => {
    await using app = await App.start(runtime);
    const script = join(import.meta.dirname as string, "../support/silent_driver.ts");
    const driver = spawn(runCommand.bun[0] as string, ["run", script, String(app.pid)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => driver.stdout.once("data", resolve));
    assert.equal((await pageStatus(app)).state, "held");
    driver.kill("SIGKILL");
    const { outcome } = await app.event("released", 1, 3_000);
    assert.equal(outcome, "continued");
    await app.goesOn();
  });

  test(`${runtime}: the end of the lease ends the hold with "continued"`, { skip }, async () => {
    await using app = await App.start(runtime);
    await holdApp(app, { leaseMs: 200 });
    assert.equal((await app.event("released", 1, 3_000)).outcome, "continued");
    await app.goesOn();
  });

  test(`${runtime}: a renewed lease keeps the app held, and stopping and continuing it does not end the hold`, {
    skip,
  }, async () => {
    await using app = await App.start(runtime);
    const id = await holdApp(app, { leaseMs: 400 });
    using page = await DriverPage.open(app.pid);
    for (let i = 0; i < 10; i++) {
      page.renew();
      await sleep(100);
    }
    process.kill(app.pid, "SIGSTOP");
    await sleep(20);
    process.kill(app.pid, "SIGCONT");
    page.renew();
    await sleep(50);
    assert.equal(page.status().state, "held");
    page.tell(id, "aborted");
    assert.equal((await app.event("released", 1, 3_000)).outcome, "aborted");
  });

  test(`${runtime}: a word for another notice, a status call and a second notice do not end the hold`, {
    skip,
  }, async () => {
    await using app = await App.start(runtime, { strategies: ["signal", "socket"] });
    const id = await holdApp(app);
    using page = await DriverPage.open(app.pid);
    page.tell("another-notice", "aborted");
    process.kill(app.pid, "SIGURG");
    const { call } = await import("../../strategies/socket/driver.ts");
    const path = join(app.directory, "socket");
    assert.equal((await call(path, "status", {}, 2_000))?.state, "held");
    await assert.rejects(call(path, "checkpoint", { id: "second" }, 2_000), /busy/);
    assert.equal(page.status().state, "held");
    page.tell(id, "aborted");
    assert.equal((await app.event("released", 1, 3_000)).outcome, "aborted");
  });
}
