/** What is read from the images of real dumps agrees with the processes that were dumped. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command } from "criu-aware/driver";
import type { Phase } from "../../driver/engine.ts";
import { traceDump, tracePhases, traceRestore, traceRound, writeTrace } from "../../driver/trace.ts";
import { compareImages, findInImages, type ImageProcess, readImages } from "../../images/mod.ts";
import { App } from "../support/app.ts";
import { noCriu, runCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

const skip = noCriu;

/** Dumps with CRIU alone; the tree goes on. */
function dump(app: App, imagesDir: string): void {
  const args = [
    "dump",
    "--tree",
    String(app.pid),
    "--images-dir",
    imagesDir,
    "--leave-running",
    "--log-file",
    "dump.log",
  ];
  const { status, output } = runCriu(args);
  assert.equal(status, 0, output);
}

/** Waits until a process that has just started opens and closes nothing any more. */
async function settled(pid: number): Promise<void> {
  const open = (): string => readdirSync(`/proc/${pid}/fd`).join();
  for (let before = open(), same = 0; same < 10; ) {
    await sleep(20);
    same = open() === before ? same + 1 : 0;
    before = open();
  }
}

/** Compares one process of an image with the living one. */
function agrees(found: ImageProcess | undefined, pid: number, images: string): void {
  assert.ok(found, `process ${pid} is not in the image`);
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  assert.deepEqual([found.group, found.session], [Number(group), Number(session)]);
  assert.equal(found.name, readFileSync(`/proc/${pid}/comm`, "utf8").trim());
  assert.equal(found.state, "alive");
  assert.equal(found.executable?.path, readlinkSync(`/proc/${pid}/exe`));
  assert.equal(found.executable?.bytes, statSync(`/proc/${pid}/exe`).size);
  assert.ok(found.threads.includes(pid));
  for (const thread of found.threads) statSync(join(images, `core-${thread}.img`));
  assert.ok(found.memory.imageBytes > 100_000 && found.memory.imageBytes < found.memory.mappedBytes);
  const open = readdirSync(`/proc/${pid}/fd`).map(Number);
  assert.deepEqual(
    found.descriptors.map(({ fd }) => fd).sort((a, b) => a - b),
    open.sort((a, b) => a - b),
  );
  for (const { fd, kind, what } of found.descriptors) {
    const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    if (kind === "file") assert.equal(what, target.replace(/ \(deleted\)$/, ""));
    if (kind === "memfd") assert.equal(`/memfd:${what} (deleted)`, target);
    if (kind.endsWith("socket")) assert.match(target, /^socket:/);
    if (kind === "pipe") assert.match(target, /^pipe:/);
    assert.notEqual(kind, "unknown", target);
  }
}

for (const runtime of runtimes) {
  test(`${runtime}: a process, its memory, descriptors and shared memory are as they were`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { strategies: ["signal", "socket"] });
    await settled(app.pid);
    dump(app, images.path);
    const found = readImages(images.path);
    assert.equal(found.processes.length, 1);
    agrees(found.processes[0], app.pid, images.path);
    // The agent's page and its doorbell travel in the image.
    const page = found.shared.find(({ name }) => name === "criu-aware");
    assert.ok(page && page.bytes > 0 && page.imageBytes > 0 && page.imageBytes <= page.bytes);
    assert.deepEqual(page.pids, [app.pid]);
    const sockets = found.processes[0]?.descriptors.filter(({ kind }) => kind === "unix socket");
    assert.ok(sockets?.some(({ what }) => what === `${join(app.directory, "socket")} listening`));
    assert.ok(found.dump && found.dump.frozenMs > 0 && found.dump.memdumpMs > 0 && found.dump.pagesWritten > 0);
    const pageSum = found.processes.reduce((sum, { memory }) => sum + memory.imageBytes, 0);
    assert.equal(pageSum, found.dump.pagesWritten * found.pageBytes);
    await app.goesOn();
  });

  test(`${runtime}: a secret of the app is found where it is, and nothing else is`, { skip }, async () => {
    using images = temporaryDirectory();
    const secret = `sésame-${crypto.randomUUID()}`;
    const wide = `開けゴマ-${crypto.randomUUID()}`;
    await using app = await App.start(runtime, { secret, wide });
    dump(app, images.path);
    const found = await findInImages(images.path, secret);
    const place = found.find(({ file }) => file.startsWith("pages-"))?.places[0];
    assert.equal(place?.pid, app.pid);
    assert.ok(
      found.some(({ encoding, file }) => encoding !== "utf-8" && file.startsWith("pages-")),
      "as a string of the engine",
    );
    const inWide = await findInImages(images.path, wide);
    assert.ok(
      inWide.some(({ encoding, places }) => encoding === "utf-16" && places[0]?.pid === app.pid),
      "as a wide string of the engine",
    );
    assert.deepEqual(await findInImages(images.path, `sésame-${crypto.randomUUID()}`), []);
    await app.goesOn();
  });

  test(`${runtime}: a tree is told with its parents, and two dumps of it differ by what it did`, { skip }, async () => {
    using first = temporaryDirectory();
    using second = temporaryDirectory();
    await using app = await App.start(runtime, { children: runtimes });
    const children = (await app.event("family")).children as number[];
    try {
      for (const pid of [app.pid, ...children]) await settled(pid);
      dump(app, first.path);
      const found = readImages(first.path);
      assert.deepEqual(found.processes.map(({ pid }) => pid).sort(), [app.pid, ...children].sort());
      assert.equal(found.processes[0]?.pid, app.pid);
      for (const pid of children) {
        const child = found.processes.find((one) => one.pid === pid);
        assert.equal(child?.parent, app.pid);
        agrees(child, pid, first.path);
      }
      process.kill(children[0] as number, "SIGKILL");
      await app.goesOn();
      await waitFor("the child to be reaped", () => !isThere(children[0] as number));
      dump(app, second.path);
      const differences = compareImages(found, readImages(second.path));
      const count = differences.find(({ subject, what }) => subject === "dump" && what === "processes");
      assert.deepEqual([count?.a, count?.b], [3, 2]);
      assert.ok(differences.some(({ what, a, b }) => what === "pid" && a === children[0] && b === undefined));
    } finally {
      for (const pid of children) if (isThere(pid)) process.kill(pid, "SIGKILL");
    }
  });
}

test("a dump and its restore leave statistics, and one trace of driver, CRIU and app", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun");
  const phases: Phase[] = [];
  const onPhase = (phase: Phase): void => void phases.push(phase);
  await command().dump({ pid: app.pid, imagesDir: images.path, onPhase });
  await app.ended();
  const { processes, stats: restore } = await command().restore({ imagesDir: images.path, onPhase });
  const { dump } = readImages(images.path);
  assert.ok(dump && restore && restore.restoreMs > restore.forkingMs && restore.pagesRestored > 0);
  const round = processes[0]?.round;
  assert.ok(round);
  const events = [
    ...tracePhases(phases),
    ...traceDump(phases, dump),
    ...traceRestore(phases, restore),
    ...traceRound(app.pid, round),
  ];
  const file = join(images.path, "trace.json");
  writeTrace(file, events);
  const { traceEvents } = JSON.parse(readFileSync(file, "utf8"));
  for (const name of ["apps prepare", "frozen", "held", "restore", "apps recover"]) {
    const slice = traceEvents.find((event: { name: string; dur: number }) => event.name === name);
    assert.ok(slice?.dur > 0, name);
  }
  // The app was held before CRIU froze it, and until after CRIU let it go.
  const one = (name: string): { at: number; durationMs: number } =>
    events.find((event) => event.name === name) ?? assert.fail(name);
  assert.ok(one("held").at <= one("frozen").at);
  assert.ok(one("held").at + one("held").durationMs > one("frozen").at + one("frozen").durationMs);
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
