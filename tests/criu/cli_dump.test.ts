/** `criu-aware dump`, `restore`, `status`, `simulate` and `notify` on real apps, in both runtimes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { processTree } from "../../ffi/process_tree.ts";
import { App } from "../support/app.ts";
import { cli, runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { pageStatus } from "../support/notice.ts";
import { runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep } from "../support/time.ts";

const skip = noCriu;

/** The process group, field 5 of proc_pid_stat(5): a terminal sends Ctrl-C to all of one. */
function groupOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[2]);
}

for (const runtime of runtimes) {
  for (const engine of ["rpc", "command"]) {
    test(`criu-aware in ${runtime}, --engine ${engine}: status, dump, restore of an app`, { skip }, async () => {
      using directory = temporaryDirectory();
      await using app = await App.start("bun");
      const { pid } = app;
      const status = async () => JSON.parse((await runCli(runtime, ["status", pid, "--json"])).out);
      assert.equal((await status()).state, "running");
      assert.match(
        (await runCli(runtime, ["status"])).out,
        new RegExp(`^${pid} +\\w+ +running +signal +0 +- +bun run `, "m"),
      );

      const images = join(directory.path, "images");
      const first = ["dump", pid, "-D", images, "--leave-running", "--engine", engine];
      const left = await runCli(runtime, [...first, "--label", "version=7"]);
      assert.equal(left.code, 0, left.err);
      assert.match(left.out, /^dumped \d+ into .* in [\d.]+ m?s \(1 process told, held after .*\); it goes on$/);
      assert.equal(left.err, "");
      assert.equal(statSync(images).mode & 0o777, 0o700);
      assert.equal((await status()).lastOutcome, "continued");

      const again = await runCli(runtime, first);
      assert.equal(again.code, 2);
      const stale = `rm -r ${images} && mv ${images}.new ${images}`;
      assert.ok(
        again.err.endsWith(
          `it first: rm -r ${images}. Or keep it until the new one is done: dump into ${images}.new, then: ${stale}`,
        ),
      );
      assert.match(again.err, /^criu-aware dump: .*: it is not empty, it holds a dump\. To replace it, /);

      const final = join(directory.path, "final");
      const strategy = ["--strategy", "signal", "--json", "--criu-option", "--file-locks"];
      const dump = await runCli(runtime, ["dump", pid, "-D", final, "--engine", engine, ...strategy]);
      assert.equal(dump.code, 0, dump.err);
      assert.deepEqual(JSON.parse(dump.out).pids, [pid]);
      await app.ended();

      const restore = await runCli(runtime, ["restore", final, "--engine", engine]);
      assert.equal(restore.code, 0, restore.err);
      assert.match(restore.out, new RegExp(`^restored ${pid} in .*\\n  process ${pid}: restored, generation 1$`));
      await app.goesOn();
      assert.match((await runCli(runtime, ["status", pid])).out, /^last outcome +restored$/m);
    });
  }

  test(`criu-aware in ${runtime}: a refusal is exit code 3 with every reason, no attached process exit code 1`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const images = join(directory.path, "images");
    await using app = await App.start("bun", { resources: [{ name: "stubborn", does: "fails" }] });
    const refused = await runCli(runtime, ["dump", app.pid, "-D", images, "--json"]);
    assert.equal(refused.code, 3, refused.err);
    assert.match(
      refused.err,
      /^criu-aware dump: The dump is refused, every app goes on:\n.*stubborn: the probe was told to fail$/,
    );
    const { error } = JSON.parse(refused.out);
    assert.equal(error.exitCode, 3);
    assert.equal(error.refusals[0].pid, app.pid);
    assert.match((await runCli(runtime, ["status", app.pid])).out, /^refused +stubborn: /m);
    assert.equal((await runCli(runtime, ["simulate", app.pid])).code, 3);
    assert.equal((await runCli(runtime, ["notify", app.pid])).code, 3);
    await app.goesOn();

    await using plain = await App.start("bun", {}, "signs_app.ts");
    const missing = await runCli(runtime, ["dump", plain.pid, "-D", join(directory.path, "none")]);
    assert.equal(missing.code, 1);
    assert.match(missing.err, /^criu-aware dump: No process in the tree .* is attached.*--unaware/);
    process.kill(plain.pid, "SIGURG");
    const unaware = await runCli(runtime, ["dump", plain.pid, "-D", join(directory.path, "none"), "--unaware"]);
    assert.equal(unaware.code, 0, unaware.err);
    assert.equal((await runCli(runtime, ["restore", directory.path])).code, 2);
    await plain.ended();
  });

  test(`criu-aware in ${runtime}: simulate plays a restore, without an image`, { skip }, async () => {
    await using app = await App.start("deno");
    const { code, out, err } = await runCli(runtime, ["simulate", app.pid]);
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`^simulated .*\\n  process ${app.pid}: restored, prepared in .*, rebuilt in `));
    assert.equal((await app.event("released")).outcome, "restored");
    const { restore } = JSON.parse((await runCli(runtime, ["simulate", app.pid, "--json"])).out);
    assert.equal(restore.processes[0].round.simulated, true);
  });

  test(`criu-aware in ${runtime}: Ctrl-C while an app prepares cancels the dump, and the app is told aborted`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun", { resources: [{ name: "slow", does: "hangs" }] });
    const images = join(directory.path, "images");
    const [program = "", ...args] = [
      ...runCommand[runtime],
      cli,
      "dump",
      String(app.pid),
      "-D",
      images,
      "--timeout-ms",
      "2000",
    ];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let err = "";
    child.stderr.on("data", (data) => {
      err += data;
    });
    await app.event("before");
    child.kill("SIGINT");
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.equal(code, 130, err);
    assert.match(
      err,
      /^criu-aware: cancelling .*\n(?:dump: .*\n)*criu-aware dump: Cancelled by SIGINT: every app goes on/m,
    );
    assert.equal((await app.event("released")).outcome, "aborted");
    assert.ok(!existsSync(images));
    await app.goesOn();
  });

  for (const engine of ["rpc", "command"]) {
    test(`criu-aware in ${runtime}, --engine ${engine}: Ctrl-C of a terminal reaches the command, and not CRIU`, {
      skip,
    }, async () => {
      using directory = temporaryDirectory();
      await using app = await App.start("bun", { resources: [{ name: "slow", does: "hangs" }] });
      const words = ["dump", String(app.pid), "-D", join(directory.path, "images"), "--timeout-ms", "1500"];
      const [program = "", ...args] = [...runCommand[runtime], cli, ...words, "--engine", engine];
      const child = spawn(program, args, { stdio: "ignore" });
      const ended = new Promise((resolve) => child.once("close", resolve));
      await app.event("before");
      const [own, ...below] = processTree(child.pid as number).map(groupOf);
      assert.ok(below.length > 0, "CRIU runs");
      assert.deepEqual(
        below.filter((group) => group === own),
        [],
      );
      assert.equal(await ended, 3);
    });
  }

  test(`criu-aware in ${runtime}: notify runs a command with the app held, and tells it the outcome`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const { pid } = app;
    const held = await runCli(runtime, ["notify", pid, "--", "sh", "-c", "echo from the command"]);
    assert.equal(held.code, 0, held.err);
    assert.match(
      held.out,
      /^from the command\n1 process held while the command ran, which succeeded; told: continued$/,
    );
    assert.equal((await app.event("released")).outcome, "continued");

    const failing = ["--", "sh", "-c", "echo noise; exit 9"];
    const failed = await runCli(runtime, ["notify", pid, "--json", "--failure-aborts", ...failing]);
    assert.equal(failed.code, 1, failed.err);
    assert.deepEqual([JSON.parse(failed.out).commandExitCode, JSON.parse(failed.out).told], [9, "aborted"]);
    assert.equal((await app.event("released", 2)).outcome, "aborted");
    assert.equal((await runCli(runtime, ["notify", pid, "--", "/no/such/program"])).code, 1);
    assert.equal((await app.event("released", 3)).outcome, "continued");

    const { locateCriu } = await import("criu-aware/driver");
    const leaving = [locateCriu(), "dump", "-t", String(pid), "-D", `${directory.path}/left`, "--leave-running"];
    mkdirSync(`${directory.path}/left`);
    const left = await runCli(runtime, ["notify", pid, "--", ...leaving]);
    assert.equal(left.code, 0, left.err);
    assert.equal((await app.event("released", 4)).outcome, "continued");

    const criu = [locateCriu(), "dump", "-t", String(pid), "-D", directory.path];
    const dumped = await runCli(runtime, ["notify", pid, "--", ...criu]);
    assert.equal(dumped.code, 0, dumped.err);
    await app.ended();
    // CRIU alone writes no manifest.
    assert.equal((await runCli(runtime, ["restore", directory.path])).code, 1);
    assert.equal((await runCli(runtime, ["restore", directory.path, "--force"])).code, 0);
    assert.equal((await app.event("released", 5)).outcome, "restored");
  });

  test(`criu-aware in ${runtime}: notify without a command leaves the app held until --tell`, { skip }, async () => {
    await using app = await App.start("bun");
    const { pid } = app;
    const { code, out: id, err } = await runCli(runtime, ["notify", pid, "--lease-ms", 60_000]);
    assert.equal(code, 0, err);
    assert.match(id, /^[\w-]{36}$/);
    await sleep(50);
    assert.equal((await pageStatus(app)).state, "held");
    const wrong = await runCli(runtime, ["notify", pid, "--id", "another", "--tell", "aborted"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /No process of the tree of \d+ is held by the notice another/);
    assert.equal((await pageStatus(app)).state, "held");
    assert.equal((await runCli(runtime, ["notify", pid, "--id", id, "--tell", "aborted"])).code, 0);
    assert.equal((await app.event("released")).outcome, "aborted");
    await app.goesOn();
  });
}
