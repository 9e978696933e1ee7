/**
 * Apps that were not held, dumped and restored by CRIU alone: `passive()` notices each restore once, and nothing else. Beside it, weak
 * evidence, and where it is wrong.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { childrenOf } from "../../ffi/process_tree.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { App, type AppEvent } from "../support/app.ts";
import { end, startProgram } from "../support/child.ts";
import { noCriu, runCriu, runCriuAsync } from "../support/criu.ts";
import { holdApp } from "../support/notice.ts";
import { dumpableEnv, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

const skip = noCriu;
const APP = "passive_app.ts";

/** What the hooks and the event say in the life `generation`, when nobody has held the app. */
const unheld = (generation: number): unknown[] => [
  ["after", "first", "restored", generation, true],
  ["after", "second", "restored", generation, true],
  ["restore", undefined, "restored", generation, undefined],
];

/** All that was told of restores so far. */
function told(app: App): unknown[] {
  return app
    .events()
    .filter(({ event }) => ["before", "after", "restore", "error"].includes(event))
    .map(({ event, name, outcome, generation, unprepared }) => [event, name, outcome, generation, unprepared]);
}

async function dump(app: App, images: string): Promise<void> {
  assert.equal(await runCriuAsync(["dump", "-t", String(app.pid), "-D", images]), 0);
  await waitFor("the end of the app", () => spawnSync("kill", ["-0", String(app.pid)]).status !== 0);
}

function restore(images: string): void {
  const { status, output } = runCriu(["restore", "-d", "-D", images]);
  assert.equal(status, 0, output);
}

/** What the app sees when it looks now. */
async function look(app: App): Promise<AppEvent> {
  const ticks = app.named("tick").length;
  process.kill(app.pid, "SIGWINCH");
  return await app.event("tick", ticks + 1);
}

/** What weak evidence suggests. */
function suggestions(tick: AppEvent): unknown[] {
  return ["clocks", "mounts", "network"].map((name) => (tick[name] as { suggestsRestore: boolean }).suggestsRestore);
}

for (const runtime of runtimes) {
  test(`${runtime}: each restore of an app that was not held is told once: every copy of an image, and a copy of a copy; weak evidence sees none`, {
    skip,
  }, async () => {
    using first = temporaryDirectory();
    using second = temporaryDirectory();
    await using app = await App.start(runtime, {}, APP);
    await dump(app, first.path);
    for (const copy of [1, 2]) {
      const before = Date.now();
      restore(first.path);
      await app.event("restore", copy);
      const tick = await look(app);
      // An image for a moment, on the same machine: nothing of what they read is another.
      assert.deepEqual(suggestions(tick), [false, false, false]);
      const { sleptMs, wentBackMs } = tick.clocks as { sleptMs: number; wentBackMs: number };
      assert.ok(Math.abs(sleptMs) < 500 && wentBackMs === 0, "CRIU sets both clocks of the boot alike");
      assert.deepEqual([tick.checked, tick.state, tick.generation], [false, "running", 1]);
      // The kernel counts in hundredths of a second.
      const restoredAt = tick.restoredAt as number;
      assert.ok(restoredAt >= before - 50 && restoredAt <= Date.now() + 50, `${before} ${restoredAt}`);
      if (copy === 1) await end(app.pid);
    }
    assert.deepEqual(told(app), [...unheld(1), ...unheld(1)]);
    const [one, other] = app.named("restore").map(({ drawn }) => drawn);
    assert.notEqual(one, other, "uniqueness() has renewed both");

    await dump(app, second.path);
    restore(second.path);
    await app.event("restore", 3);
    assert.deepEqual([(await look(app)).generation, told(app).slice(6)], [2, unheld(2)]);
  });

  test(`${runtime}: the original of a dump with --leave-running says nothing, and its copy does`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, {}, APP);
    assert.equal(await runCriuAsync(["dump", "-t", String(app.pid), "-D", images.path, "--leave-running"]), 0);
    const { checked, generation, ...tick } = await look(app);
    assert.deepEqual([checked, generation, told(app)], [false, 0, []]);
    assert.deepEqual(suggestions(tick as AppEvent), [false, false, false]);
    process.kill(app.pid, "SIGKILL");
    await app.ended();
    await end(app.pid);
    restore(images.path);
    await app.event("restore");
    assert.deepEqual(told(app), unheld(1));
  });

  test(`${runtime}: the hold and the look together tell a restore once, and check() finds the next one at once`, {
    skip,
  }, async () => {
    using held = temporaryDirectory();
    using unaware = temporaryDirectory();
    await using app = await App.start(runtime, { intervalMs: 60_000 }, APP);
    await holdApp(app);
    await dump(app, held.path);
    restore(held.path);
    await app.event("restore");
    assert.equal((await look(app)).checked, false);
    const ofHold = [
      ["before", "second", undefined, undefined, undefined],
      ["before", "first", undefined, undefined, undefined],
      ["after", "first", "restored", 1, false],
      ["after", "second", "restored", 1, false],
      ["restore", undefined, "restored", 1, undefined],
    ];
    assert.deepEqual(told(app), ofHold);
    await dump(app, unaware.path);
    restore(unaware.path);
    assert.equal((await look(app)).checked, true);
    await app.event("restore", 2);
    assert.deepEqual(told(app), [...ofHold, ...unheld(2)]);
  });

  test(`${runtime}: dumped by somebody else in the middle of its hooks, the copy is not held, and every hook is told once what it is`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { intervalMs: 5, waits: true }, APP);
    {
      using page = await DriverPage.open(app.pid);
      page.notify({ id: "n" });
      await app.event("before");
    }
    await dump(app, images.path);
    restore(images.path);
    assert.equal((await look(app)).checked, false);
    await app.event("restore");
    assert.deepEqual(told(app), [
      ["before", "second", undefined, undefined, undefined],
      ["before", "first", undefined, undefined, undefined],
      ["after", "first", "restored", 1, false],
      ["after", "second", "restored", 1, false],
      ["restore", undefined, "restored", 1, undefined],
    ]);
  });

  test(`${runtime}: an ordinary restart is no restore, although all weak evidence says so`, { skip }, async () => {
    await using app = await App.start(runtime, {}, APP);
    const { readings } = await app.event("attached");
    const script = `${import.meta.dirname}/../support/${APP}`;
    const options = JSON.stringify({ before: readings });
    const elsewhere = ["--time", "--boottime", "1000000", "--monotonic", "1000000", "--mount", "--net"];
    const isolated = [...elsewhere, "--fork", "--kill-child", ...runCommand[runtime], script, options];
    await using again = startProgram("unshare", isolated, dumpableEnv);
    assert.equal(JSON.parse(await again.nextLine()).event, "attached");
    const [pid = 0] = childrenOf(again.pid) ?? [];
    process.kill(pid, "SIGWINCH");
    const tick: AppEvent = JSON.parse(await again.nextLine());
    assert.deepEqual(suggestions(tick), [true, true, true]);
    assert.deepEqual([tick.event, tick.checked, tick.generation], ["tick", false, 0]);
  });

  test(`${runtime}: each sign of a restore tells: should one fail, read what it says`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, {}, "signs_app.ts");
    const before = await app.event("signs");
    await dump(app, images.path);
    restore(images.path);
    process.kill(app.pid, "SIGWINCH");
    const after = await app.event("signs", 2);
    assert.notEqual(
      after.startTime,
      before.startTime,
      "This CRIU, or this kernel, gives a restored process the start time that it had (criu #2504). Then a restore without a time " +
        "namespace is not seen any more, by the hold either, and restoredAt of passive() is the time of the look. To do: another first sign in " +
        "ffi/restore_signs.ts (the CPU time that begins anew, criu #1073, if that is still so), and docs/passive.md; until then require an " +
        "older CRIU in criu/locate.ts.",
    );
    assert.notEqual(
      after.timeOffsets,
      before.timeOffsets,
      "This CRIU does not restore into a time namespace of its own any more. The start time alone tells of a restore then, and that is no " +
        "promise (criu #2504). To do: another second sign in ffi/restore_signs.ts, and docs/passive.md.",
    );
    assert.equal(
      after.isForChildrenOnly,
      false,
      "The time namespace of a restored process is not that of its children: passive() does not count its offsets then.",
    );
    assert.equal(after.bootId, before.bootId, "The boot id changes without another boot.");
  });
}

test("clocks see the time as an image, unless they were set to go on; the look sees both", { skip }, async () => {
  using images = temporaryDirectory();
  const options = { toleranceMs: 1000 };
  await using app = await App.start("bun", options, APP);
  await dump(app, images.path);
  await sleep(2_000);
  const theirs = { imagesDir: images.path, force: ["manifest"] } as const;
  await rpc().restore({ ...theirs, clock: "wall" });
  await app.event("restore");
  assert.deepEqual(suggestions(await look(app)), [false, false, false]);
  await end(app.pid);
  await rpc().restore({ ...theirs, clock: "continue" });
  await app.event("restore", 2);
  assert.deepEqual(suggestions(await look(app)), [true, false, false]);
  assert.deepEqual(told(app), [...unheld(1), ...unheld(1)]);
});

test("addresses and mounts that come while the app runs look like a restore to the network, and are none", {
  skip,
}, async () => {
  const script = `${import.meta.dirname}/../support/${APP}`;
  await using app = startProgram("unshare", ["--mount", "--net", ...runCommand.bun, script, "{}"], dumpableEnv);
  assert.equal(JSON.parse(await app.nextLine()).event, "attached");
  const change = "ip link set lo up && ip address add 127.1.2.3/32 dev lo && mount -t tmpfs none /mnt";
  const { status, stderr } = spawnSync("nsenter", ["-t", String(app.pid), "--mount", "--net", "sh", "-c", change]);
  assert.equal(status, 0, String(stderr));
  process.kill(app.pid, "SIGWINCH");
  const tick: AppEvent = JSON.parse(await app.nextLine());
  assert.deepEqual(suggestions(tick), [false, false, true]);
  assert.equal((tick.mounts as { added: unknown[] }).added.length, 1);
  assert.deepEqual([tick.checked, tick.generation], [false, 0]);
});
