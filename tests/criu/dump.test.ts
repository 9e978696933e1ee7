/** The engines on real CRIU: every runtime by every strategy, and what must not be dumped. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CriuError, command, DumpRefusedError, rpc, strategyNames, UsageError } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { hook, noCriu, shell } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;
const engines = [
  ["rpc", rpc],
  ["command", command],
] as const;
const cases = engines.flatMap(([kind, engine]) => runtimes.map((runtime) => ({ kind, engine, runtime })));

/** The reasons of a refused dump, in one text. */
async function refusal(dump: Promise<unknown>): Promise<string> {
  const error = await dump.then(
    () => assert.fail("the dump was not refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DumpRefusedError, String(error));
  return error.message;
}

for (const { kind, engine, runtime } of cases) {
  for (const strategy of strategyNames) {
    test(`${runtime} by ${kind}: notified by ${strategy}, an app is dumped, restored and rebuilt`, {
      skip,
    }, async () => {
      using images = temporaryDirectory();
      await using app = await App.start(runtime, { strategies: [strategy], resources: [{ name: "a" }, { name: "b" }] });
      const phases: string[] = [];
      const onPhase = ({ name }: { name: string }): void => void phases.push(name);
      const dumped = await engine().dump({ pid: app.pid, imagesDir: images.path, strategy, onPhase });
      assert.deepEqual(dumped.pids, [app.pid]);
      assert.ok(dumped.noticeToReadyMs > 0 && dumped.noticeToReadyMs < dumped.dumpMs);
      assert.equal(statSync(images.path).mode & 0o777, 0o700);
      await app.ended();
      const restored = await engine().restore({ imagesDir: images.path, onPhase });
      assert.equal(restored.pid, app.pid);
      assert.equal(restored.processes[0]?.outcome, "restored");
      assert.equal(restored.processes[0]?.round?.id, dumped.noticeId);
      assert.deepEqual(phases, ["notice", "ready", "frozen", "dumped", "recorded", "restoring", "restored", "rebuilt"]);
      assert.deepEqual(
        app.named("before").map(({ name }) => name),
        ["b", "a"],
      );
      assert.deepEqual(
        app.named("after").map(({ name }) => name),
        ["a", "b"],
      );
      await app.goesOn();
    });
  }

  test(`${runtime} by ${kind}: a dump with leaveRunning ends with "continued"`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime);
    await engine().dump({ pid: app.pid, imagesDir: images.path, leaveRunning: true });
    assert.equal((await app.event("after")).outcome, "continued");
    assert.ok(existsSync(join(images.path, "inventory.img")));
    await app.goesOn();
  });

  test(`${runtime} by ${kind}: a resource that throws refuses the dump, all are rolled back and all reasons are told`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    const resources = [{ name: "first", does: "fails" }, { name: "second" }, { name: "third", does: "fails" }];
    await using app = await App.start(runtime, { resources });
    const message = await refusal(engine().dump({ pid: app.pid, imagesDir: images.path }));
    assert.match(message, /first: the probe was told to fail/);
    assert.match(message, /third: the probe was told to fail/);
    await app.event("released");
    assert.deepEqual(
      app.named("before").map(({ name }) => name),
      ["third", "second", "first"],
    );
    assert.deepEqual(
      app.named("after").map(({ name, outcome }) => `${name} ${outcome}`),
      ["first aborted", "second aborted", "third aborted"],
    );
    assert.deepEqual(
      readdirSync(images.path).filter((name) => name.endsWith(".img")),
      [],
    );
    await app.goesOn();
  });

  test(`${runtime} by ${kind}: an app that does not answer is refused at the deadline and goes on`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { resources: [{ name: "stuck", does: "hangs" }] });
    const message = await refusal(engine().dump({ pid: app.pid, imagesDir: images.path, timeoutMs: 300 }));
    assert.match(message, /no answer within 300 ms|was not done after/);
    assert.equal((await app.event("released")).outcome, "aborted");
    await app.goesOn();
  });

  test(`${runtime} by ${kind}: a dump that fails before the freeze ends the hold with "aborted"`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime);
    // Refuses at pre-dump, after the app was asked.
    const config = join(app.directory, "criu.conf");
    writeFileSync(config, "action-script /bin/false\n");
    const dump = engine().dump({ pid: app.pid, imagesDir: images.path, leaseMs: 30_000, criuOptions: { config } });
    await assert.rejects(
      dump,
      (error: CriuError) => error instanceof CriuError && error.phase === "dump" && error.log.length > 0,
    );
    assert.equal((await app.event("released", 1, 3_000)).outcome, "aborted");
    await app.goesOn();
  });
}

for (const runtime of runtimes) {
  test(`${runtime}: ten rounds in a row leave descriptors, mappings and threads as they were`, { skip }, async () => {
    await using app = await App.start(runtime, { strategies: ["signal", "file", "socket"] });
    const size = (): number[] =>
      shell(`cd /proc/${app.pid}; ls fd | wc -l; grep -c memfd: maps; ls task | wc -l`).trim().split("\n").map(Number);
    const sizes: number[][] = [];
    for (let round = 1; round <= 10; round++) {
      using images = temporaryDirectory();
      const strategy = strategyNames[round % 3];
      const engine = round % 2 === 0 ? rpc() : command();
      await engine.dump({ pid: app.pid, imagesDir: images.path, ...(strategy ? { strategy } : {}) });
      await app.ended();
      const { processes } = await engine.restore({ imagesDir: images.path });
      assert.equal(processes[0]?.generation, round);
      sizes.push(size());
    }
    // A runtime may have something open for a moment: the least of three rounds counts.
    const least = (from: number): number[] =>
      [0, 1, 2].map((column) => Math.min(...sizes.slice(from, from + 3).map((row) => row[column] as number)));
    const [[descriptors = 0, mappings = 0, threads = 0], first] = [least(7), least(0)];
    assert.deepEqual([descriptors, mappings], first.slice(0, 2), sizes.join("\n"));
    // Idle threads of the runtime's pool end, others are made: one that is left behind in each round would be seven more.
    assert.ok(threads < (first[2] as number) + 7, sizes.join("\n"));
    await app.goesOn();
  });
}

for (const { kind, engine, runtime } of cases) {
  test(`${runtime} by ${kind}: a lease that ran out before the freeze refuses the dump in post-dump, and its images are removed`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime);
    // A driver that stalls between ready and the freeze cannot renew the lease.
    const onPhase = ({ name }: { name: string }): void => {
      if (name === "ready") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    };
    const message = await refusal(engine().dump({ pid: app.pid, imagesDir: images.path, leaseMs: 50, onPhase }));
    assert.match(message, /no longer held when it was frozen/);
    assert.deepEqual(readdirSync(images.path), []);
    assert.equal((await app.event("released")).outcome, "continued");
    await app.goesOn();
  });
}

for (const [kind, engine] of engines) {
  test(`${kind}: with our action script in CRIU's configuration as well, the app is told once`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun");
    const config = join(app.directory, "criu.conf");
    writeFileSync(config, `action-script ${hook}\n`);
    const dumped = await engine().dump({ pid: app.pid, imagesDir: images.path, criuOptions: { config } });
    await app.ended();
    const { processes } = await engine().restore({ imagesDir: images.path, criuOptions: { config } });
    assert.equal(processes[0]?.round?.id, dumped.noticeId);
    assert.equal(app.named("before").length, 1);
    assert.equal(app.named("after").length, 1);
  });
}

test("a directory that is not empty is refused before anybody is notified", { skip }, async () => {
  await using app = await App.start("bun");
  await assert.rejects(rpc().dump({ pid: app.pid, imagesDir: app.directory }), UsageError);
  await app.goesOn();
  assert.deepEqual(app.named("before"), []);
});

test("a restore waits for a pid that a zombie still has", { skip }, async () => {
  using images = temporaryDirectory();
  // A shell that never reaps: the dumped process stays a zombie until the shell ends.
  await using parent = await App.start("bun", {}, "parent_app.ts");
  const { child, shell } = await parent.event("child");
  await rpc().dump({ pid: child as number, imagesDir: images.path });
  const waits: string[] = [];
  const restored = rpc().restore({ imagesDir: images.path, onPhase: ({ name }) => waits.push(name) });
  setTimeout(() => process.kill(shell as number, "SIGKILL"), 500);
  assert.equal((await restored).pid, child);
  assert.ok(waits.includes("waiting for the pid"));
  process.kill(child as number, "SIGKILL");
});

test("a restore whose pid stays taken says so", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun");
  await rpc().dump({ pid: app.pid, imagesDir: images.path, leaveRunning: true });
  const restore = rpc().restore({ imagesDir: images.path, timeoutMs: 200 });
  await assert.rejects(restore, new RegExp(`pid ${app.pid} is taken`));
  await app.goesOn();
});
