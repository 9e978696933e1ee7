/** What a restore looks at before CRIU starts, what it ends, and when it is not done. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { aliveSince } from "../../ffi/process.ts";
import { processTree } from "../../ffi/process_tree.ts";
import { App } from "../support/app.ts";
import { type Child, end, startProgram } from "../support/child.ts";
import { cli, runCli } from "../support/cli.ts";
import { noCriu, shell } from "../support/criu.ts";
import { runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
const engines = ["rpc", "command"] as const;
const withoutNetRaw = ["--bounding-set=-net_raw", ...runCommand.bun, cli] as const;

async function dumped(directory: string, app: App): Promise<string> {
  const imagesDir = join(directory, "images");
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended();
  return imagesDir;
}

test("a restore without a capability of the app is refused before CRIU starts, and names it", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun");
  const images = await dumped(directory.path, app);
  await using restore = startProgram("setpriv", [...withoutNetRaw, "restore", images]);
  const { code, stderr } = await restore.ended;
  assert.equal(code, 1);
  assert.match(stderr, /capabilities that none can have here: CAP_NET_RAW/);
  assert.doesNotMatch(stderr, /restore\.log/);
});

test("run --restore-or-start starts the program where its image cannot be restored for lack of a capability", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const images = join(directory.path, "images");
  const log = join(directory.path, "log");
  const flag = join(directory.path, "flag");
  const program = ["sh", "-c", `[ -e ${flag} ] && exit 7; while :; do sleep 0.05; done`];
  const { out } = await runCli("bun", ["run", "--log", log, "--", ...program]);
  await rpc().dump({ pid: Number(out), imagesDir: images, unaware: true });
  writeFileSync(flag, "");
  const words = ["run", "--foreground", "--log", log, "--restore-or-start", images, "--", ...program];
  await using run = startProgram("setpriv", [...withoutNetRaw, ...words]);
  const { code, stderr } = await run.ended;
  assert.equal(code, 7, stderr);
  assert.match(stderr, /not restored: .*CAP_NET_RAW/s);
});

for (const engine of engines) {
  test(`${engine}: a CRIU that does not come back is ended with all that it has made`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const images = await dumped(directory.path, app);
    await using restore = startProgram("setpriv", [...withoutNetRaw, "restore", images, "--engine", engine, "--force"]);
    const { code, stderr } = await restore.ended;
    assert.equal(code, 1);
    assert.match(stderr, /CRIU did not go on with the restore; it was ended, with all that it had made/);
    assert.match(stderr, /Unable to restore capabilities/);
    await waitFor("the pid to be free", () => !existsSync(`/proc/${app.pid}`), 10_000);
    // It is the image's fault no longer: what was ended left nothing behind.
    await rpc().restore({ imagesDir: images });
    await app.goesOn();
  });

  test(`${engine}: SIGTERM ends a restore that hangs, and CRIU with it`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const images = await dumped(directory.path, app);
    await using restore = startHanging(directory.path, images, engine);
    const made = await madeByHanging(restore);
    assert.ok(made.includes(app.pid));
    process.kill(restore.pid, "SIGTERM");
    assert.equal((await restore.ended).code, 130);
    await waitFor("all to be gone", () => made.every((pid) => aliveSince(pid) === undefined), 10_000);
  });

  test(`${engine}: a second signal leaves nothing stopped, and no temporary file`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const images = await dumped(directory.path, app);
    const temporary = join(directory.path, "tmp");
    mkdirSync(temporary);
    await using restore = startHanging(directory.path, images, engine, { TMPDIR: temporary });
    const made = await madeByHanging(restore);
    process.kill(restore.pid, "SIGINT");
    process.kill(restore.pid, "SIGTERM");
    const { code, stderr } = await restore.ended;
    assert.equal(code, 130);
    assert.match(stderr, /leaving at once/);
    await waitFor("all to be gone", () => made.every((pid) => aliveSince(pid) === undefined), 10_000);
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith("criu-aware-")),
      [],
    );
  });
}

/** A restore that hangs in an action script. */
function startHanging(directory: string, images: string, engine: string, env: Record<string, string> = {}): Child {
  const hangs = join(directory, "hangs.sh");
  writeFileSync(hangs, '#!/bin/sh\nif [ "$CRTOOLS_SCRIPT_ACTION" = post-restore ]; then exec sleep 1000; fi\n', {
    mode: 0o700,
  });
  const config = join(directory, "criu.conf");
  writeFileSync(config, `action-script ${hangs}\n`);
  const args = [...runCommand.bun, cli, "restore", images, "--engine", engine, "--criu-option", `--config=${config}`];
  return startProgram(args[0] as string, args.slice(1), env);
}

async function madeByHanging(restore: Child): Promise<number[]> {
  await waitFor("the hook that hangs", () => commandsBelow(restore.pid).includes("sleep 1000 "), 20_000);
  return processTree(restore.pid).slice(1);
}

function commandsBelow(pid: number): string[] {
  return processTree(pid).map((member) => shell(`tr '\\0' ' ' </proc/${member}/cmdline 2>/dev/null || true`));
}

for (const runtime of runtimes) {
  for (const [does, error] of [
    ["fails", { resource: "main", message: "the probe was told to fail" }],
    ["exits", { message: "it has ended since it was let go" }],
    [
      "hangs",
      {
        message: 'it is not done after 2000 ms: its state is "recovering". Give it more time (timeoutMs, --timeout-ms)',
      },
    ],
  ] as const) {
    test(`${runtime}: a restore is not done when the app ${does} in its recovery`, { skip }, async () => {
      using directory = temporaryDirectory();
      await using app = await App.start(runtime, { resources: [{ name: "main", recovers: does }] });
      const criuOptions = { fileLocks: true };
      const imagesDir = join(directory.path, "images");
      await rpc().dump({ pid: app.pid, imagesDir, criuOptions });
      await app.ended();
      const { code, out } = await runCli("bun", ["restore", imagesDir, "--json", "--timeout-ms", 2000]);
      assert.equal(code, 4, out);
      const { processes } = JSON.parse(out);
      assert.deepEqual(
        processes.map(({ pid }: { pid: number }) => pid),
        [app.pid],
      );
      assert.deepEqual(processes[0].errors, [error]);
    });
  }
}

for (const engine of engines) {
  test(`${engine}: a restore says how much memory it has read, and what CRIU says of it`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const images = await dumped(directory.path, app);
    const trace = join(directory.path, "trace.json");
    const { code, out, err } = await runCli("bun", ["restore", images, "--engine", engine, "--json", "--trace", trace]);
    assert.equal(code, 0, err);
    const { bytes, stats } = JSON.parse(out);
    const inImages = readdirSync(images).filter((name) => name.startsWith("pages-"));
    assert.equal(
      bytes,
      inImages.map((name) => statSync(join(images, name)).size).reduce((sum, size) => sum + size, 0),
    );
    assert.ok(stats.pagesRestored > 0);
    assert.match(readFileSync(trace, "utf8"), /"pages restored":\d/);
    await end(app.pid);
    const text = await runCli("bun", ["restore", images, "--engine", engine]);
    assert.match(text.out, /^restored \d+ in .* m?s, [\d.]+ MB of memory$/m);
  });
}

test("a restore of an app that ends with its parent is not done, and says why", { skip }, async () => {
  using directory = temporaryDirectory();
  const imagesDir = join(directory.path, "images");
  const child = spawn("setsid", ["setpriv", "--pdeathsig", "TERM", "sleep", "1000"], { stdio: "ignore" });
  const pid = child.pid as number;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await waitFor("sleep to run", () => commandsBelow(pid).includes("sleep 1000 "));
  await rpc().dump({ pid, imagesDir, unaware: true });
  await ended;
  const { code, out } = await runCli("bun", ["restore", imagesDir]);
  assert.equal(code, 4, out);
  assert.match(out, new RegExp(`process ${pid}: it has ended with its parent, which was CRIU \\(PR_SET_PDEATHSIG`));
});
