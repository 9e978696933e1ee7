/** The scripts as a user runs them: what they do, and one line with what to do when they cannot. In both runtimes. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createProgram } from "../../cli/program.ts";
import { App } from "../support/app.ts";
import { end } from "../support/child.ts";
import { noCriu } from "../support/criu.ts";
import { pageStatus } from "../support/notice.ts";
import { type RuntimeName, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

const skip = noCriu;
const root = join(import.meta.dirname as string, "../..");
const names = ["dump.ts", "restore.ts", "status.ts"] as const;

/** Another directory, where criu-aware and zx are installed, with a copy of each script: as a user has them. */
const elsewhere = temporaryDirectory();
after(() => elsewhere[Symbol.dispose]());
mkdirSync(join(elsewhere.path, "node_modules"));
symlinkSync(root, join(elsewhere.path, "node_modules/criu-aware"));
symlinkSync(join(root, "node_modules/zx"), join(elsewhere.path, "node_modules/zx"));
writeFileSync(join(elsewhere.path, "package.json"), JSON.stringify({ dependencies: { "criu-aware": "*", zx: "*" } }));
for (const name of names) copyFileSync(join(root, "scripts", name), join(elsewhere.path, name));

function run(
  runtime: RuntimeName,
  script: string,
  args: readonly string[],
): { status: number | null; out: string; err: string } {
  const [program, ...rest] = [...runCommand[runtime], join(elsewhere.path, script), ...args] as [string, ...string[]];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    cwd: elsewhere.path,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { status, out: stdout.trim(), err: stderr.trim() };
}

test("the scripts have options of the command, with the same defaults, and name each in their usage", async () => {
  for (const script of names) {
    const subcommand = (await createProgram()).commands.find((one) => one.name() === script.replace(".ts", ""));
    const usage = run("bun", script, ["--help"]).out;
    assert.ok(usage.split("\n").every((line) => line.length <= 80));
    const code = readFileSync(join(elsewhere.path, script), "utf8");
    const options = /options: \{([\s\S]*?)\n {4}\}/.exec(code)?.[1] ?? code;
    const own = [
      ...options.matchAll(/"?([\w-]+)"?: \{ type: "(\w+)"(?:, short: "(\w)")?(?:, default: ("[^"]*"|\w+))?/g),
    ];
    assert.ok(own.length >= 2, script);
    for (const [, name = "", type, short, preset] of own.filter(([, name]) => name !== "help")) {
      const option = subcommand?.options.find(({ long }) => long === `--${name}`);
      assert.ok(option, `${script} --${name}`);
      assert.equal(option.required, type === "string", name);
      assert.equal(option.short, short && `-${short}`);
      const unset = preset === undefined || preset === "false";
      assert.equal(unset ? undefined : JSON.parse(preset), option.defaultValue?.toString(), name);
      assert.ok(usage.includes(short ? `-${short} ` : `--${name}`), `${script} ${name}`);
    }
    const places = subcommand?.registeredArguments.map((one) => one.name().split("-")[0]) ?? [];
    for (const place of places.filter((name) => name !== "criu")) assert.match(usage, new RegExp(`[<[]${place}[>\\]]`));
  }
});

for (const runtime of runtimes) {
  test(`scripts in ${runtime}: status, dump, restore of an app`, { skip }, async () => {
    using images = temporaryDirectory();
    await using parent = await App.start("bun", {}, "parent_app.ts");
    const { child, shell } = await parent.event("child");
    const pid = String(child);
    const before = run(runtime, "status.ts", [pid, "--json"]);
    assert.equal(JSON.parse(before.out).state, "running");
    assert.match(run(runtime, "status.ts", [pid]).out, /^\d+ {2}running {2}\w+, bun 1\..*, signal, generation 0/);

    const dump = run(runtime, "dump.ts", [pid, "-D", images.path, "--leave-running"]);
    assert.equal(dump.status, 0, dump.err);
    assert.match(dump.out, /^dumped \d+ into \/.* in \d+ ms \(1 told, held after [\d.]+ ms\)$/);
    assert.equal(JSON.parse(run(runtime, "status.ts", [pid, "--json"]).out).lastOutcome, "continued");

    using final = temporaryDirectory();
    const again = run(runtime, "dump.ts", [pid, "-D", final.path, "--strategy", "signal", "--json"]);
    assert.deepEqual(JSON.parse(again.out).pids, [child]);
    // Its parent would keep it a zombie.
    process.kill(shell as number, "SIGKILL");
    const output = join(parent.directory, "child");
    const { size } = statSync(output);
    const restore = run(runtime, "restore.ts", [final.path, "--json"]);
    assert.deepEqual([restore.status, restore.err], [0, ""]);
    assert.equal(JSON.parse(restore.out).processes[0].outcome, "restored");
    await end(child as number);

    // Where the clock cannot run on.
    const path = join(final.path, "criu-aware.json");
    const manifest = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...manifest, clocksReadAt: Date.now() + 1e6 }));
    // It has written meanwhile, and does not only append.
    truncateSync(output, size);
    const warned = run(runtime, "restore.ts", [final.path]);
    await end(child as number);
    truncateSync(output, size);
    const asked = run(runtime, "restore.ts", [final.path, "--clock", "continue"]);
    await end(child as number);
    assert.deepEqual([warned.status, asked.status, asked.err], [0, 0, ""]);
    assert.match(warned.err, /^restore\.ts: It was dumped in the future of this machine .*\. Set the clock/);
  });

  test(`scripts in ${runtime}: wrong usage is one line and exit code 2, a failure one line and exit code 1`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun", {}, "signs_app.ts");
    const pid = String(app.pid);
    const cases: [script: string, args: string[], status: number, message: RegExp][] = [
      ["dump.ts", [], 2, /^dump\.ts: Usage: dump\.ts <pid> -D <dir> /],
      ["dump.ts", ["abc", "-D", images.path], 2, /^dump\.ts: pid must be a pid, 1 or more, not NaN\.$/],
      ["dump.ts", ["4194300", "-D", images.path], 2, /^dump\.ts: There is no process 4194300\.$/],
      ["dump.ts", [pid, "-D", images.path], 1, /^dump\.ts: No process in the tree .* is attached.*--unaware/],
      ["dump.ts", [pid, "-D", app.directory, "--unaware"], 2, /^dump\.ts: .*it is not empty\. Name a new directory\.$/],
      ["dump.ts", [pid, "-D", "/proc/none", "--unaware"], 2, /^dump\.ts: Cannot use \/proc\/none for images/],
      [
        "dump.ts",
        [pid, "-D", images.path, "--strategy", "pigeon"],
        2,
        /^dump\.ts: .*signal, socket, file, not "pigeon"/,
      ],
      ["dump.ts", [pid, "-D", images.path, "--timeout-ms", "soon"], 2, /^dump\.ts: timeoutMs must be a whole number/],
      ["dump.ts", [pid, "-D", images.path, "--no-such"], 2, /^dump\.ts: Unknown option '--no-such'/],
      [
        "dump.ts",
        [pid, "-D", images.path, "--criu-option=--no-such"],
        2,
        /^dump\.ts: Cannot use these options of CRIU: .*--no-such/,
      ],
      ["restore.ts", [], 2, /^restore\.ts: Usage: restore\.ts <dir> /],
      ["restore.ts", [images.path], 2, /^restore\.ts: There is no image in /],
      ["restore.ts", ["/none"], 2, /^restore\.ts: There is no image in \/none/],
      ["restore.ts", ["/none", "--clock", "soon"], 2, /^restore\.ts: clock must be continue or wall, not "soon"\.$/],
      ["status.ts", [pid], 2, /^status\.ts: Process \d+ is not attached: its program does not call attach\(\), or /],
      ["status.ts", ["4194300"], 2, /^status\.ts: Process 4194300 is not attached: there is none with that pid\.$/],
    ];
    for (const [script, args, status, message] of cases) {
      const result = run(runtime, script, args);
      assert.equal(result.status, status, `${script} ${args.join(" ")}: ${result.err}`);
      assert.match(result.err, message);
      if (args.length > 0) assert.equal(result.err.split("\n").length, 1, result.err);
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
    const [program, ...rest] = [...runCommand.bun, join(elsewhere.path, "dump.ts")] as string[];
    const config = join(directory.path, "criu.conf");
    writeFileSync(config, `action-script ${slow}\n`);
    const flags = [String(app.pid), "-D", images, "--lease-ms", "60000", `--criu-option=--config=${config}`];
    const temporary = join(directory.path, "tmp");
    mkdirSync(temporary);
    const env = { ...process.env, TMPDIR: temporary };
    const driver = spawn(program as string, [...rest, ...flags], { stdio: "ignore", env });
    await app.event("before");
    while ((await pageStatus(app)).state !== "held") await sleep(2);
    driver.kill("SIGKILL");
    assert.equal((await app.event("released", 1, 3_000)).outcome, "continued");
    const log = readdirSync(temporary, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith("dump.log"));
    const path = join(temporary, log as string);
    await waitFor("CRIU to end", () => /Dumping FAILED/.test(readFileSync(path, "utf8")), 10_000);
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
