/** `criu-aware run`: what it starts can be dumped, and comes back; as a service's start command it is always right. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { aliveSince } from "../../ffi/process.ts";
import { end } from "../support/child.ts";
import { cli, runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { type RuntimeName, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
const support = join(import.meta.dirname as string, "../support");

/** The command of a probe app; with what it printed so far. */
function probe(runtime: RuntimeName, directory: string): string[] {
  return [...runCommand[runtime], join(support, "probe_app.ts"), JSON.stringify({ directory })];
}

function printed(log: string, event: string): number {
  const text = existsSync(log) ? readFileSync(log, "utf8") : "";
  // The last line may still be being written.
  const lines = text.split("\n").slice(0, -1);
  return lines.filter((line) => line.startsWith(`{"event":"${event}"`)).length;
}

for (const runtime of runtimes) {
  for (const app of runtimes) {
    test(`run in ${runtime} starts a ${app} app that is dumped and restored twice, though its log grew`, {
      skip,
    }, async () => {
      using directory = temporaryDirectory();
      const log = join(directory.path, "app.log");
      const images = join(directory.path, "images");
      const start = ["run", "--wait", "--json", "--log", log, "--", ...probe(app, directory.path)];
      const started = await runCli(runtime, start);
      assert.equal(started.code, 0, started.err);
      const { pid, how } = JSON.parse(started.out);
      try {
        assert.equal(how, "started");
        assert.equal(statSync(log).mode & 0o777, 0o600);
        assert.equal(readlinkSync(`/proc/${pid}/fd/0`), "/dev/null");
        // Its own session, no terminal: fields 6 and 7 of proc_pid_stat(5).
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
        assert.deepEqual([Number(stat[3]), stat[4]], [pid, "0"]);

        const dump = await runCli(runtime, ["dump", pid, "-D", images, "--leave-running"]);
        assert.equal(dump.code, 0, dump.err);
        for (const round of [1, 2]) {
          process.kill(pid, "SIGWINCH");
          await waitFor("the log to grow", () => printed(log, "tick") === round);
          await end(pid);
          // The second time the log is not even there.
          if (round === 2) rmSync(log);
          const again = ["run", "--log", log, "--restore-or-start", images, "--", ...probe(app, directory.path)];
          const restored = await runCli(runtime, again);
          assert.equal(restored.out, String(pid), restored.err);
          const told = /^criu-aware run: restored \d+ from the dump of \d{4}-\d\d-\d\d \d\d:\d\d in .+, generation 1$/;
          assert.match(restored.err, told);
        }
        await waitFor("the app to go on", () => printed(log, "released") === 1);
      } finally {
        await end(pid);
      }
    });
  }

  test(`run in ${runtime} --restore-or-start starts the program where no image fits, and says why`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const log = join(directory.path, "app.log");
    const images = join(directory.path, "images");
    const command = ["run", "--json", "--log", log, "--restore-or-start", images, "--", "sleep", "60"];
    const first = await runCli(runtime, command);
    assert.match(first.err, /^criu-aware run: not restored: there is no image in /);
    const { pid, how, why } = JSON.parse(first.out);
    await end(pid);
    assert.deepEqual([how, why], ["started", `there is no image in ${images}`]);

    // An image that is damaged.
    const sleeper = await runCli(runtime, ["run", "--json", "--log", log, "--", "sleep", "60"]);
    const old = JSON.parse(sleeper.out).pid;
    const dump = await runCli(runtime, ["dump", old, "-D", images, "--unaware"]);
    assert.equal(dump.code, 0, dump.err);
    const core = readdirSync(images).find((name) => name.startsWith("core-")) as string;
    rmSync(join(images, core));
    const damaged = await runCli(runtime, command);
    assert.equal(damaged.code, 0);
    assert.match(damaged.err, /^criu-aware run: not restored: /);
    await end(JSON.parse(damaged.out).pid);
  });

  test(`run in ${runtime} --foreground passes signals on, and ends with the exit code of its program`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const log = join(directory.path, "log");
    const foreground = (...words: string[]): ChildProcess => {
      const [program = "", ...rest] = [...runCommand[runtime], cli, "run", "--foreground", "--log", log, ...words];
      return spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
    };
    const exit = (child: ChildProcess): Promise<number | null> =>
      new Promise((resolve) => child.once("exit", (code) => resolve(code)));

    assert.equal(await exit(foreground("--", "sh", "-c", "exit 7")), 7);
    assert.equal(await exit(foreground("--", "sh", "-c", "kill -9 $$")), 137);

    const trap = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    const child = foreground("--", "sh", "-c", trap);
    await waitFor("the program to start", () => readFileSync(log, "utf8").includes("ready"));
    child.kill("SIGTERM");
    assert.equal(await exit(child), 5);
  });

  test(`run in ${runtime} --foreground also ends with the exit code of a program that it restored`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const log = join(directory.path, "log");
    const images = join(directory.path, "images");
    const trap = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    const started = await runCli(runtime, ["run", "--json", "--log", log, "--", "sh", "-c", trap]);
    const { pid } = JSON.parse(started.out);
    await waitFor("the program to start", () => readFileSync(log, "utf8").includes("ready"));
    const dump = await runCli(runtime, ["dump", pid, "-D", images, "--unaware"]);
    assert.equal(dump.code, 0, dump.err);
    await waitFor("the process to vanish", () => !existsSync(`/proc/${pid}`), 10_000);
    for (const [signal, expected] of [
      ["SIGTERM", 5],
      ["SIGKILL", 137],
    ] as const) {
      const words = ["run", "--foreground", "--log", log, "--restore-or-start", images, "--", "sh", "-c", trap];
      const [program = "", ...rest] = [...runCommand[runtime], cli, ...words];
      const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
      const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
      const out = await new Promise((resolve) => child.stdout.once("data", (data) => resolve(String(data))));
      assert.equal(out, `${pid}\n`);
      assert.ok(aliveSince(pid));
      if (signal === "SIGTERM") child.kill(signal);
      else process.kill(pid, signal);
      assert.equal(await ended, expected);
      assert.equal(existsSync(`/proc/${pid}`), false);
    }
  });

  test(`run in ${runtime} gives its program no descriptor but its input and its log`, { skip }, async () => {
    using directory = temporaryDirectory();
    const log = join(directory.path, "log");
    // While a program loads its libraries, it has them open.
    const loop = "echo loaded; while :; do sleep 0.05; done";
    const [program = "", ...rest] = [...runCommand[runtime], cli, "run", "--log", log, "--", "sh", "-c", loop];
    const extra = openSync("/dev/zero", "r");
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit", extra, extra] });
    const out = await new Promise((resolve) => child.stdout?.once("data", (data) => resolve(String(data))));
    const pid = Number(out);
    try {
      await waitFor("the program to start", () => readFileSync(log, "utf8").includes("loaded"));
      const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      assert.deepEqual(
        links.filter((link) => link !== "/dev/null" && link !== log),
        [],
      );
    } finally {
      await end(pid);
    }
  });
}

test("run --wait says what the program said when it ends without attaching, or does not come to it", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const log = join(directory.path, "log");
  const words = ["run", "--wait", "--timeout-ms", "300", "--log", log, "--"];
  const ended = await runCli("bun", [...words, "sh", "-c", "echo no such module >&2; exit 4"]);
  assert.equal(ended.code, 1);
  assert.match(ended.err, /^criu-aware run: It ended with exit code 4 before it was attached\..*\n {2}no such module$/);
  const late = await runCli("bun", [...words, "sleep", "60"]);
  assert.equal(late.code, 1);
  const pid = /kill (\d+)/.exec(late.err)?.[1];
  assert.ok(pid, late.err);
  await end(Number(pid));
});
