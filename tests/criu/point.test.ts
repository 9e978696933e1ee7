/** A point of the app's own on real CRIU, whoever runs it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, type DumpRefusedError, listAttached, rpc, simulate } from "criu-aware/driver";
import { DriverPage } from "../../page/driver_page.ts";
import { App } from "../support/app.ts";
import { end } from "../support/child.ts";
import { runCli } from "../support/cli.ts";
import { hook, noCriu, runCriu, runCriuAsync } from "../support/criu.ts";
import { runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;

/** Waits until an app is held at its point. */
async function comeTo(app: App): Promise<void> {
  using page = await DriverPage.open(app.pid);
  assert.ok(await page.until(({ point }) => point === "waiting", 10_000));
}

/** What an app says of its one checkpoint: no hook ran twice. */
async function outcomeOf(app: App): Promise<unknown> {
  const { outcome } = await app.event("outcome");
  assert.equal(app.named("before").length, 1);
  assert.deepEqual(
    app.named("after").map((event) => event.outcome),
    [outcome],
  );
  await app.goesOn();
  return outcome;
}

for (const runtime of runtimes) {
  for (const engine of [rpc, command]) {
    test(`${runtime}: ${engine.name}() waits until a program that still starts is at its point, and dumps it there`, {
      skip,
    }, async () => {
      using images = temporaryDirectory();
      await using app = await App.start(runtime, { warmMs: 300 }, "point_app.ts");
      const phases: string[] = [];
      const dumped = await engine().dump({
        pid: app.pid,
        imagesDir: images.path,
        atPoint: true,
        onPhase: ({ name }) => phases.push(name),
      });
      assert.deepEqual(phases.slice(0, 3), ["waiting for the point", "notice", "ready"]);
      assert.deepEqual(dumped.pids, [app.pid]);
      await app.ended();
      assert.deepEqual(app.named("outcome"), []);
      const { processes } = await engine().restore({ imagesDir: images.path });
      assert.deepEqual(
        processes.map(({ outcome, generation, errors }) => [outcome, generation, errors]),
        [["restored", 1, []]],
      );
      assert.equal(await outcomeOf(app), "restored");
    });
  }

  test(`${runtime}: dumped at its point by somebody who knows nothing of us, the app knows that it is restored, or goes on`, {
    skip,
  }, async () => {
    for (const more of [["--leave-running"], []]) {
      using images = temporaryDirectory();
      await using app = await App.start(runtime, {}, "point_app.ts");
      await comeTo(app);
      assert.equal(await runCriuAsync(["dump", "-t", String(app.pid), "-D", images.path, ...more]), 0);
      if (more.length > 0) {
        assert.equal(await outcomeOf(app), "continued");
        continue;
      }
      await app.ended();
      assert.equal(runCriu(["restore", "-d", "-D", images.path]).status, 0);
      assert.equal(await outcomeOf(app), "restored");
    }
  });

  test(`${runtime}: the action script alone finds an app at its point ready`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, {}, "point_app.ts");
    await comeTo(app);
    const dumped = ["dump", "-t", String(app.pid), "-D", images.path, "--action-script", hook];
    assert.equal(await runCriuAsync(dumped), 0);
    await app.ended();
    assert.equal(runCriu(["restore", "-d", "-D", images.path]).status, 0);
    assert.equal(await outcomeOf(app), "restored");
  });

  test(`${runtime}: a dump without atPoint finds an app at its point ready, and one that fails ends the point`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, {}, "point_app.ts");
    await comeTo(app);
    const onHook = (): never => {
      throw new Error("told to fail");
    };
    await assert.rejects(rpc().dump({ pid: app.pid, imagesDir: images.path, onHook }), /told to fail/);
    assert.equal(await outcomeOf(app), "aborted");
    assert.deepEqual(readdirSync(images.path), []);
    await using other = await App.start(runtime, {}, "point_app.ts");
    await comeTo(other);
    const { processes } = await rpc().dump({ pid: other.pid, imagesDir: images.path, leaveRunning: true });
    assert.deepEqual(
      processes.map(({ outcome, errors }) => [outcome, errors]),
      [["continued", []]],
    );
    assert.equal(await outcomeOf(other), "continued");
  });
}

test("an app that does not come to its point in time refuses the dump, and is not asked", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun", { warmMs: 600_000 }, "point_app.ts");
  const directory = join(images.path, "new");
  const dump = rpc().dump({ pid: app.pid, imagesDir: directory, atPoint: true, timeoutMs: 100 });
  await assert.rejects(dump, (error: DumpRefusedError) => {
    assert.equal(error.name, "DumpRefusedError");
    assert.match(error.message, /came to its point within 100 ms.*\n.*--timeout-ms/);
    return true;
  });
  assert.deepEqual(app.named("before"), []);
  assert.ok(!existsSync(directory));
  const controller = new AbortController();
  const cancelled = rpc().dump({ pid: app.pid, imagesDir: directory, atPoint: true, signal: controller.signal });
  controller.abort(new Error("cancelled"));
  await assert.rejects(cancelled, /cancelled/);
  await app.goesOn();
});

test("in a tree whose child is at its point the others get a notice like any other", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun", { children: ["deno"], childScript: "point_app.ts" });
  await app.event("family");
  const { pids } = await simulate().dump({ pid: app.pid, imagesDir: images.path, atPoint: true, leaveRunning: true });
  assert.equal(pids.length, 2);
  assert.equal((await app.event("released")).outcome, "continued");
});

test("the command waits for the point, shows it, and lets it go on", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun", { warmMs: 200 }, "point_app.ts");
  const held = await runCli("bun", ["notify", app.pid, "--at-point", "--json", "--", "true"]);
  assert.equal(held.code, 0, held.err);
  assert.deepEqual(JSON.parse(held.out).takenAtPoint, [app.pid]);
  assert.equal(await outcomeOf(app), "continued");

  await using other = await App.start("bun", {}, "point_app.ts");
  await comeTo(other);
  const { pid } = other;
  assert.match((await runCli("bun", ["status", pid])).out, /state +at its point\n/);
  assert.equal((await listAttached([other.pid]))[0]?.atPoint, true);
  assert.match((await runCli("bun", ["inspect", pid])).out, /Process \d+ is at its point/);
  assert.equal((await runCli("bun", ["notify", pid, "--tell", "aborted"])).code, 0);
  assert.equal(await outcomeOf(other), "aborted");
  assert.match((await runCli("bun", ["notify", pid, "--tell", "aborted"])).err, /is at its point\..*--id/);

  await using third = await App.start("bun", { warmMs: 200 }, "point_app.ts");
  const dumped = await runCli("bun", ["dump", third.pid, "-D", images.path, "--at-point"]);
  assert.equal(dumped.code, 0, dumped.err);
  await third.ended();
  assert.equal((await runCli("bun", ["restore", images.path])).code, 0);
  assert.equal(await outcomeOf(third), "restored");
});

test("run --wait-point prints the pid of a program that is at its point, and says why there is none", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const words = (ms: number, ...command: string[]): string[] => {
    return ["run", "--wait-point", "--timeout-ms", String(ms), "--log", join(directory.path, "log"), "--", ...command];
  };
  const app = (warmMs: number): string[] => {
    const script = join(import.meta.dirname as string, "../support/point_app.ts");
    return [...runCommand.bun, script, JSON.stringify({ directory: directory.path, warmMs })];
  };
  const { code, out, err } = await runCli("bun", words(10_000, ...app(300)));
  assert.equal(code, 0, err);
  assert.equal((await listAttached([Number(out)]))[0]?.atPoint, true);
  assert.equal((await runCli("bun", ["dump", out, "-D", join(directory.path, "images")])).code, 0);
  await waitFor("its end", () => !existsSync(`/proc/${out}`), 10_000);

  const ended = await runCli("bun", words(10_000, "sh", "-c", "echo no model >&2; exit 4"));
  assert.equal(ended.code, 1);
  assert.match(ended.err, /^criu-aware run: It ended with exit code 4 before it was at its point\..*\n {2}no model$/s);
  const late = await runCli("bun", words(2_000, ...app(600_000)));
  assert.equal(late.code, 1);
  const pid = /agent\.point\(\).* --timeout-ms\. It runs on: end it with kill (\d+)\./.exec(late.err)?.[1];
  assert.ok(pid, late.err);
  await end(Number(pid));
});
