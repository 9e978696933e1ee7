/** The scripts as a user runs them: what they do, and one line with what to do when they cannot. In both runtimes. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { pageStatus } from "../support/notice.ts";
import { type RuntimeName, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

const skip = noCriu;
const scripts = join(import.meta.dirname as string, "../../scripts");

function run(
  runtime: RuntimeName,
  script: string,
  args: readonly string[],
): { status: number | null; out: string; err: string } {
  const [program, ...rest] = [...runCommand[runtime], join(scripts, script), ...args] as [string, ...string[]];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { status, out: stdout.trim(), err: stderr.trim() };
}

for (const runtime of runtimes) {
  test(`scripts in ${runtime}: status, dump, restore of an app`, { skip }, async () => {
    using images = temporaryDirectory();
    await using parent = await App.start("bun", {}, "parent_app.ts");
    const { child, shell } = await parent.event("child");
    const pid = String(child);
    const before = run(runtime, "status.ts", ["--pid", pid, "--json"]);
    assert.equal(JSON.parse(before.out)[0].state, "running");
    assert.match(run(runtime, "status.ts", ["--pid", pid]).out, /bun 1\..*running.*signal/);

    const dump = run(runtime, "dump.ts", ["--pid", pid, "--images-dir", images.path, "--leave-running"]);
    assert.equal(dump.status, 0, dump.err);
    assert.match(dump.out, /^dumped in \d+ ms \(1 attached, held after [\d.]+ ms\)/);
    assert.equal(JSON.parse(run(runtime, "status.ts", ["--pid", pid, "--json"]).out)[0].lastOutcome, "continued");

    using final = temporaryDirectory();
    const again = run(runtime, "dump.ts", ["--pid", pid, "--images-dir", final.path, "--strategy", "signal", "--json"]);
    assert.deepEqual(JSON.parse(again.out).pids, [child]);
    // Its parent would keep it a zombie.
    process.kill(shell as number, "SIGKILL");
    const restore = run(runtime, "restore.ts", ["--images-dir", final.path, "--json"]);
    assert.equal(restore.status, 0, restore.err);
    assert.equal(JSON.parse(restore.out).processes[0].outcome, "restored");
    process.kill(child as number, "SIGKILL");
  });

  test(`scripts in ${runtime}: wrong usage is one line and exit code 2, a failure one line and exit code 1`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun", {}, "signs_app.ts");
    const pid = String(app.pid);
    const cases: [script: string, args: string[], status: number, message: RegExp][] = [
      ["dump.ts", [], 2, /^dump: required option '--pid <pid>' not specified\. Run: /],
      ["dump.ts", ["--pid", "abc", "--images-dir", images.path], 2, /^dump: .*'abc' is invalid.*positive whole number/],
      ["dump.ts", ["--pid", "4194300", "--images-dir", images.path], 2, /^dump: There is no process 4194300\.$/],
      [
        "dump.ts",
        ["--pid", pid, "--images-dir", images.path],
        1,
        /^dump: No process in the tree .* is attached.*--unaware/,
      ],
      [
        "dump.ts",
        ["--pid", pid, "--images-dir", app.directory, "--unaware"],
        2,
        /^dump: .*it is not empty\. Name a new directory\.$/,
      ],
      [
        "dump.ts",
        ["--pid", pid, "--images-dir", "/proc/none", "--unaware"],
        2,
        /^dump: Cannot use \/proc\/none for images/,
      ],
      [
        "dump.ts",
        ["--pid", pid, "--images-dir", images.path, "--strategy", "pigeon"],
        2,
        /^dump: .*pigeon.*signal, socket, file/,
      ],
      ["restore.ts", ["--images-dir", images.path], 2, /^restore: There is no image in /],
      ["restore.ts", ["--images-dir", "/none"], 2, /^restore: There is no image in \/none/],
      ["status.ts", ["--pid", pid], 2, /^status: Process \d+ is not attached/],
    ];
    for (const [script, args, status, message] of cases) {
      const result = run(runtime, script, args);
      assert.equal(result.status, status, `${script} ${args.join(" ")}: ${result.err}`);
      assert.match(result.err, message);
      assert.equal(result.err.split("\n").length, 1, result.err);
      assert.equal(result.out, "");
    }
  });
}

for (const runtime of runtimes) {
  test(`${runtime}: the dump script killed between ready and the freeze, CRIU gives up and the app goes on`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start(runtime, { leaseMs: 60_000 });
    // Runs at pre-dump after our own script, and keeps CRIU from freezing.
    const slow = join(directory.path, "slow.sh");
    writeFileSync(slow, '#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" != pre-dump ] || sleep 1\n');
    chmodSync(slow, 0o755);
    const images = join(directory.path, "images");
    const [program, ...rest] = [...runCommand.bun, join(scripts, "dump.ts")] as string[];
    const config = join(directory.path, "criu.conf");
    writeFileSync(config, `action-script ${slow}\n`);
    const flags = ["--pid", String(app.pid), "--images-dir", images, "--lease-ms", "60000", "--", "--config", config];
    const driver = spawn(program as string, [...rest, ...flags], { stdio: "ignore" });
    await app.event("before");
    while ((await pageStatus(app)).state !== "held") await sleep(2);
    driver.kill("SIGKILL");
    assert.equal((await app.event("released", 1, 3_000)).outcome, "continued");
    await waitFor(
      "CRIU to end",
      () =>
        existsSync(join(images, "dump.log")) && /Dumping FAILED/.test(readFileSync(join(images, "dump.log"), "utf8")),
      10_000,
    );
    await app.goesOn();
  });
}

test("without root, and with a CRIU that is too old, a script says in one line what to do", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun");
  const { locateCriu } = await import("criu-aware/driver");
  const old = join(directory.path, "criu");
  mkdirSync(join(directory.path, "empty"));
  writeFileSync(old, "#!/bin/sh\necho Version: 3.17.1\n");
  chmodSync(old, 0o755);
  assert.throws(() => locateCriu(old), /CRIU 3\.17\.1 is too old .* Run: npm .*run setup$/);
  assert.throws(() => locateCriu(join(directory.path, "none")), /CRIU does not start: .* Run: npm .*run setup$/);
  const dump = { pid: app.pid, imagesDir: join(directory.path, "empty") };
  const { command } = await import("criu-aware/driver");
  const geteuid = process.geteuid;
  process.geteuid = () => 1000;
  try {
    await assert.rejects(command().dump(dump), /CRIU needs root here\. Run the same command with sudo\./);
  } finally {
    Object.assign(process, { geteuid });
  }
});

test("a process that is not attached is no obstacle with unaware", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun", {}, "signs_app.ts");
  process.kill(app.pid, "SIGURG");
  const { command } = await import("criu-aware/driver");
  const { pids } = await command().dump({ pid: app.pid, imagesDir: images.path, unaware: true, leaveRunning: true });
  assert.deepEqual(pids, []);
  process.kill(app.pid, "SIGWINCH");
  await app.event("signs", 2);
});
