/** The action script on its own: CRIU is run by hand, as runc or an administrator would, and no driver of ours is there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { locateCriu } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { runCli } from "../support/cli.ts";
import { hook, noCriu, runCriu, runCriuAsync } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

const dumpArgs = (pid: number, images: string, ...more: string[]): string[] => [
  ...["dump", "-t", String(pid), "-D", images, "-v4", "-o", "dump.log", "--action-script", hook],
  ...more,
];
const dumpLog = (images: string): string => readFileSync(join(images, "dump.log"), "utf8");

/** What CRIU's log says of a tree that it froze. */
const FROZEN = /Seized task/;

for (const runtime of runtimes) {
  for (const strategy of ["signal", "file"]) {
    test(`${runtime}: the action script alone notifies by ${strategy}, and the restored app knows`, {
      skip,
    }, async () => {
      using images = temporaryDirectory();
      await using app = await App.start(runtime, { strategies: [strategy], busy: true });
      const env = strategy === "file" ? { CRIU_AWARE_MARKER: join(app.directory, "marker") } : {};
      assert.equal(await runCriuAsync(dumpArgs(app.pid, images.path), env), 0, "see dump.log");
      await app.ended();
      assert.match(dumpLog(images.path), FROZEN);
      assert.equal(app.named("before").length, 1);
      assert.equal(runCriu(["restore", "-d", "-D", images.path, "--action-script", hook]).status, 0);
      const { outcome, intervalWhileHeld, promiseWhileHeld } = await app.event("released");
      assert.deepEqual([outcome, intervalWhileHeld, promiseWhileHeld], ["restored", 0, 0]);
      await app.goesOn();
    });
  }

  test(`${runtime}: the action script makes the dump fail when the app refuses, with all reasons, and nothing is frozen`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    const resources = [
      { name: "one", does: "fails" },
      { name: "two", does: "fails" },
    ];
    await using app = await App.start(runtime, { resources });
    assert.notEqual(runCriu(dumpArgs(app.pid, images.path)).status, 0);
    assert.match(dumpLog(images.path), /refuses: one: the probe was told to fail/);
    assert.match(dumpLog(images.path), /refuses: two: the probe was told to fail/);
    assert.doesNotMatch(dumpLog(images.path), FROZEN);
    assert.equal((await app.event("released")).outcome, "aborted");
    await app.goesOn();
  });

  test(`${runtime}: the action script gives up at the deadline, and the app goes on`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { resources: [{ name: "stuck", does: "hangs" }] });
    assert.notEqual(runCriu(dumpArgs(app.pid, images.path), { CRIU_AWARE_TIMEOUT_MS: "1000" }).status, 0);
    assert.match(dumpLog(images.path), /did not answer within 1000 ms|was not done after/);
    assert.equal((await app.event("released")).outcome, "aborted");
    await app.goesOn();
  });

  test(`${runtime}: a lease that ran out before the freeze makes the dump fail in post-dump`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime);
    // CRIU runs the script that was given last first: this one keeps the freeze away for longer than the lease.
    const slow = join(app.directory, "slow.sh");
    writeFileSync(slow, "#!/bin/sh\nsleep 0.3\n", { mode: 0o755 });
    const [command = "", ...args] = dumpArgs(app.pid, images.path);
    const run = runCriu([command, "--action-script", slow, ...args], { CRIU_AWARE_LEASE_MS: "1" });
    assert.notEqual(run.status, 0);
    assert.match(dumpLog(images.path), /no longer held when it was frozen/);
    assert.equal((await app.event("released")).outcome, "continued");
    await app.goesOn();
  });

  test(`${runtime}: when CRIU fails before the freeze, its end ends the hold long before the lease`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime);
    const env = { CRIU_AWARE_LEASE_MS: "60000" };
    assert.notEqual(runCriu(dumpArgs(app.pid, images.path, "--action-script", "/bin/false"), env).status, 0);
    assert.equal((await app.event("released", 1, 3_000)).outcome, "continued");
    await app.goesOn();
  });
}

test("the action script told twice by CRIU's configuration and by option notifies once", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun");
  const again = ["--action-script", hook, "--leave-running"];
  assert.equal(runCriu(dumpArgs(app.pid, images.path, ...again)).status, 0, "see dump.log");
  await app.event("released");
  assert.equal(app.named("before").length, 1);
});

test("a tree without an attached process is refused, unless it is said to be unaware", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun", {}, "signs_app.ts");
  assert.notEqual(runCriu(dumpArgs(app.pid, images.path)).status, 0);
  assert.match(dumpLog(images.path), /no process of the tree of \d+ is attached/);
  const unaware = { CRIU_AWARE_UNAWARE: "1" };
  assert.equal(runCriu(dumpArgs(app.pid, images.path, "--leave-running"), unaware).status, 0);
  assert.ok(existsSync(join(images.path, "inventory.img")));
});

test("a driver that holds the app and runs CRIU is known to the action script: the app is told once, at once", {
  skip,
}, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun");
  const dump = [locateCriu(), ...dumpArgs(app.pid, images.path)];
  const { code, out } = await runCli("bun", ["notify", app.pid, "--", ...dump]);
  assert.equal(code, 0, out);
  assert.doesNotMatch(dumpLog(images.path), /Error \(criu-aware\)/);
  await app.ended();
  assert.equal(app.named("before").length, 1);
});

for (const engine of ["rpc", "command"]) {
  test(`the engine ${engine} beside an installed action script tells the app once`, { skip }, async () => {
    using place = temporaryDirectory();
    await using app = await App.start("bun");
    const configuration = join(place.path, "criu.conf");
    writeFileSync(configuration, `action-script ${hook}\n`);
    const args = ["dump", app.pid, "-D", join(place.path, "images"), "--engine", engine, "--leave-running"];
    const { code, err } = await runCli("bun", args, { CRIU_CONFIG_FILE: configuration });
    assert.equal(code, 0, err);
    await app.event("released");
    assert.equal(app.named("before").length, 1);
  });
}
