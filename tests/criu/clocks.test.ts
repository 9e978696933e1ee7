/** What a restore does to the clocks of an app: its timers, its caches, and what it knows of the time that has passed. */
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, type Engine, rpc } from "criu-aware/driver";
import { readManifest } from "criu-aware/images";
import { readClocks, writeClocks } from "../../images/clocks.ts";
import { App, type AppEvent } from "../support/app.ts";
import { end } from "../support/child.ts";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep } from "../support/time.ts";

const skip = noCriu;
/** All timers of the app fall due in it, and its intervals would fire many times. */
const FROZEN_MS = 1200;
/** The time of a file is not finer. */
const TICK_MS = 20;
/** Much longer than all else: what stands still for so long does not move while somebody waits for it. */
const BACK_MS = 1_000_000;
const timers = ["cron", "date", "signal", "timeout"];

interface Tick {
  readonly behindMs: number;
  readonly monotonicMs: number;
  readonly isCached: boolean;
}

/** What its clocks say now. */
async function tick(app: App): Promise<Tick> {
  await app.goesOn();
  return app.named("tick").at(-1) as unknown as Tick;
}

/** Those timers of a round that have fired since the n-th event, once all have. */
async function fired(app: App, from: number): Promise<AppEvent[]> {
  await app.event("fired", from + timers.length);
  return app.named("fired").slice(from);
}

const namesOf = (events: readonly AppEvent[]): unknown[] => events.map(({ name }) => name);
const contents = (directory: string): string[][] =>
  readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "base64")]);

for (const runtime of runtimes) {
  test(`${runtime}: over a restore clocks run on, over a second one too, and one image serves both ways`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const [first, second, work] = ["first", "second", "work"].map((name) => join(directory.path, name)) as [
      string,
      string,
      string,
    ];
    await using app = await App.start(runtime, { laterMs: 2 * FROZEN_MS }, "clocks_app.ts");
    assert.ok((await tick(app)).behindMs < FROZEN_MS / 2);
    const dump = async (imagesDir: string, engine: () => Engine): Promise<void> => {
      await engine().dump({ pid: app.pid, imagesDir });
      await end(app.pid);
      await sleep(FROZEN_MS);
    };

    const dumping = Date.now();
    await dump(first, rpc);
    const { clocksReadAt = 0 } = readManifest(first);
    assert.ok(clocksReadAt >= dumping && clocksReadAt < Date.now() - FROZEN_MS + TICK_MS);
    const before = contents(first);
    const problems: string[] = [];
    const onProblem = ({ what }: { what: string }): void => void problems.push(what);
    await rpc().restore({ imagesDir: first, workDir: work, onProblem });
    assert.deepEqual(problems, []);
    const overdue = await fired(app, 0);
    assert.deepEqual(namesOf(overdue).sort(), timers, "each that fell due fires once");
    for (const { intervals } of overdue) assert.ok(Number(intervals) < 10, `an interval fired ${intervals} times`);
    const after = app.named("after").at(-1);
    assert.ok(Number(after?.frozenMs) >= FROZEN_MS && Number(after?.uptimeMs) < FROZEN_MS);
    const wall = await tick(app);
    assert.ok(wall.behindMs < FROZEN_MS / 2, `the clock is ${wall.behindMs} ms behind`);
    assert.equal(wall.isCached, false);
    assert.deepEqual(contents(first), before, "the images are as they were");
    assert.ok(readdirSync(work).every((name) => !name.startsWith("criu-aware-")));

    // The tree has a time namespace of its own by now.
    await dump(second, command);
    assert.deepEqual([readClocks(second).length, readManifest(second).apps[0]?.generation], [1, 1]);
    await command().restore({ imagesDir: second, clock: "wall" });
    assert.deepEqual(namesOf(await fired(app, timers.length)).sort(), timers);
    const again = await tick(app);
    assert.ok(again.behindMs < FROZEN_MS / 2, `the clock is ${again.behindMs} ms behind`);
    assert.ok(again.monotonicMs > wall.monotonicMs + FROZEN_MS);

    await end(app.pid);
    const laterOnes = app.named("later").length;
    const { code, err } = await runCli("bun", ["restore", first, "--clock", "continue"]);
    assert.equal(code, 0, err);
    assert.equal((await app.event("later", laterOnes + 1)).name, "date", "only what has a date is not late");
    assert.deepEqual(namesOf(await fired(app, 2 * timers.length)).sort(), timers);
    assert.ok((await tick(app)).behindMs > FROZEN_MS);
    assert.deepEqual(contents(first), before);

    // As where CRIU cannot set the clock, on a machine that was started later.
    await end(app.pid);
    const back = join(directory.path, "back");
    cpSync(first, back, { recursive: true });
    writeClocks(back, readClocks(back), -BACK_MS);
    const laterThen = app.named("later").length;
    await rpc().restore({ imagesDir: back, clock: "continue", force: ["file"] });
    const { byMs } = await app.event("back");
    assert.ok(Number(byMs) > 0 && Number(byMs) <= BACK_MS, `${byMs}`);
    // Deno fires no timer at all before the start of the process.
    if (runtime === "bun") assert.equal((await app.event("later", laterThen + 1)).name, "date", "others stand still");
  });
}

test("a service that asks for a clock which cannot be had is started anew, and says why", { skip }, async () => {
  using directory = temporaryDirectory();
  const [images, log] = [join(directory.path, "images"), join(directory.path, "log")];
  const program = ["sh", "-c", "while :; do sleep 0.05; done"];
  const { out } = await runCli("bun", ["run", "--log", log, "--", ...program]);
  await rpc().dump({ pid: Number(out), imagesDir: images, unaware: true });
  const flags = ["--log", log, "--restore-or-start", images, "--criu-option=--unprivileged", "--clock", "wall"];
  const started = await runCli("bun", ["run", ...flags, "--", ...program]);
  await end(Number(started.out));
  assert.match(started.err, /not restored: .*--unprivileged: the monotonic clock/s);
});

test("a service that is restored where the clock cannot run on says so", { skip }, async () => {
  using directory = temporaryDirectory();
  const [images, log] = [join(directory.path, "images"), join(directory.path, "log")];
  const program = ["sh", "-c", "while :; do sleep 0.05; done"];
  const { out } = await runCli("bun", ["run", "--log", log, "--", ...program]);
  await rpc().dump({ pid: Number(out), imagesDir: images, unaware: true });
  const path = join(images, "criu-aware.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...manifest, clocksReadAt: Date.now() + BACK_MS }));
  const run = ["run", "--log", log, "--restore-or-start", images];
  const [warning, restored] = [
    /^criu-aware run: It was dumped in the future .*\. Set the clock/m,
    /^criu-aware run: restored \d+ from /m,
  ];
  for (const [flags, isWarned] of [
    [[], true],
    [["--clock", "continue"], false],
  ] as const) {
    const { err } = await runCli("bun", [...run, ...flags, "--", ...program]);
    await end(Number(out));
    assert.match(err, restored);
    assert.equal(warning.test(err), isWarned, err);
  }
});
