/** Failures of the real CRIU, beside those of the blockers, and what is said of them. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { findBlockers } from "criu-aware/blockers";
import { command, DumpRefusedError } from "criu-aware/driver";
import { firstErrors } from "../../criu/log.ts";
import { explain } from "../../driver/failures/explain.ts";
import { App } from "../support/app.ts";
import { type BareRun, bareDump, bareRestore } from "../support/blocked_dump.ts";
import { others } from "../support/blocked_others.ts";
import { noCriu, runCriu, runCriuAsync, shell } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;
/** Above the largest pid that Linux can give: PID_MAX_LIMIT. */
const NO_PID = "4194305";
const noOverlay = skip || (!readFileSync("/proc/filesystems", "utf8").includes("overlay") && "no overlayfs");

function meansDump(errors: readonly string[], meaning: RegExp): void {
  assert.match(explain(errors, "dump")?.meaning ?? `unknown: ${errors.join("\n")}`, meaning);
}

function meansRestore({ ok, errors }: BareRun, meaning: RegExp): void {
  assert.equal(ok, false, "the restore works");
  assert.match(explain(errors, "restore")?.meaning ?? `unknown: ${errors.join("\n")}`, meaning);
}

test("a dump of no process, without a directory, and with a log elsewhere", { skip }, () => {
  using directory = temporaryDirectory();
  const dump = (...args: string[]): string[] => runCriu(["dump", "-t", NO_PID, ...args]).output.split("\n");
  dump("-D", directory.path, "-o", "dump.log");
  meansDump(firstErrors(join(directory.path, "dump.log")), /cannot take hold of process 4194305/);
  meansDump(dump("-D", join(directory.path, "missing"), "-o", "dump.log"), /no directory/);
  meansDump(dump("-D", directory.path, "-o", "sub/dump.log"), /log cannot be made/);
});

test("a dump by another user than root", { skip }, () => {
  using directory = temporaryDirectory();
  chmodSync(directory.path, 0o777);
  const criu = shell("readlink -f .tools/criu/bin/criu || command -v criu").trim();
  const output = shell(`setpriv --reuid=65534 --clear-groups ${criu} dump -t 1 -D ${directory.path} 2>&1 || true`);
  meansDump(output.split("\n"), /was denied/);
});

test("a dump by a CRIU that is below the process", { skip }, async () => {
  using directory = temporaryDirectory();
  const args = ["dump", "-t", String(process.pid), "-D", directory.path, "-o", "dump.log"];
  assert.equal(await runCriuAsync(args), 1);
  meansDump(firstErrors(join(directory.path, "dump.log")), /below the process/);
});

test("a dump onto a full disk", { skip }, async () => {
  using directory = temporaryDirectory();
  const full = join(directory.path, "full");
  shell(`mkdir ${full}; mount -t tmpfs -o size=128k test ${full}`);
  try {
    await using app = await App.start("bun", {}, "blocked_app.ts");
    const log = join(directory.path, "dump.log");
    const { status, output } = runCriu(["dump", "-t", String(app.pid), "-D", full]);
    writeFileSync(log, output);
    assert.equal(status, 1);
    meansDump(firstErrors(log), /disk is full/);
    await app.goesOn();
  } finally {
    shell(`umount ${full}`);
  }
});

test("a dump of TCP connections where no iptables is found, and its cure", { skip }, async () => {
  using directory = temporaryDirectory();
  await using server = await others.tcp(directory.path);
  await using app = await App.start("bun", { holds: ["tcp"], at: server.at }, "blocked_app.ts");
  const args = ["dump", "-t", String(app.pid), "-D", directory.path, "-o", "dump.log", "--tcp-established"];
  assert.equal(await runCriuAsync(args, { PATH: "/nonexistent" }), 1);
  meansDump(firstErrors(join(directory.path, "dump.log")), /no iptables/);
  const cured = await bareDump(directory.path, "cured", app.pid, { tcpEstablished: true, networkLock: "skip" });
  assert.deepEqual(cured, { ok: true, errors: [] });
});

test("a dump of a watch on overlayfs, and its cure", { skip: noOverlay }, async () => {
  using directory = temporaryDirectory();
  const at = directory.path;
  shell(`mount -t tmpfs test ${at}; cd ${at}; mkdir -p lower/watched upper work merged images;
    mount -t overlay test -o lowerdir=${at}/lower,upperdir=${at}/upper,workdir=${at}/work ${at}/merged`);
  try {
    await using app = await App.start("bun", { holds: ["watchAt"], at: `${at}/merged/watched` }, "blocked_app.ts");
    const [found, ...more] = await findBlockers([app.pid]);
    assert.equal(found?.kind, "watch");
    assert.deepEqual(more, []);
    const failed = await bareDump(at, "bare", app.pid, {});
    meansDump(failed.errors, /watches something/);
    const cured = await bareDump(at, "cured", app.pid, { irmapScanPath: [`${at}/merged`] });
    assert.deepEqual(cured, { ok: true, errors: [] });
  } finally {
    shell(`umount ${at}/merged ${at}`);
  }
});

test("restores of an app whose file changed, whose port or pid is taken, and of incomplete images", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "data");
  writeFileSync(file, "12345");
  await using app = await App.start("bun", { holds: ["path", "busyListener"], at: file }, "blocked_app.ts");
  const { port } = await app.event("listening");
  const dumped = await bareDump(directory.path, "images", app.pid, {});
  assert.deepEqual(dumped, { ok: true, errors: [] });
  await app.ended();
  const images = join(directory.path, "images");
  const restore = (name = "images"): Promise<BareRun> => bareRestore(directory.path, name, {});

  appendFileSync(file, "6");
  meansRestore(await restore(), /data had 5 bytes when the app was dumped, and has 6 now/);
  writeFileSync(file, "12345");
  chmodSync(file, 0o640);
  meansRestore(await restore(), /permissions of .*data changed/);
  chmodSync(file, 0o644);
  renameSync(file, `${file}.moved`);
  meansRestore(await restore(), /data is missing/);
  renameSync(`${file}.moved`, file);

  const server = createServer();
  await new Promise<void>((resolve) => server.listen(Number(port), "0.0.0.0", resolve));
  meansRestore(await restore(), /address that the app listened on is taken/);
  await new Promise((resolve) => server.close(resolve));

  const without = async (pattern: RegExp): Promise<BareRun> => {
    const copy = join(directory.path, "copy");
    rmSync(copy, { recursive: true, force: true });
    cpSync(images, copy, { recursive: true });
    for (const name of readdirSync(copy)) if (pattern.test(name)) rmSync(join(copy, name));
    return restore("copy");
  };
  meansRestore(await without(/^core-/), /incomplete/);
  meansRestore(await without(/^pages-/), /incomplete/);
  meansRestore(await without(/./), /incomplete/);
  writeFileSync(join(directory.path, "copy/inventory.img"), "nonsense");
  meansRestore(await restore("copy"), /incomplete or damaged/);

  assert.deepEqual(await restore(), { ok: true, errors: [] });
  await app.goesOn();
  const again = runCriu(["restore", "-d", "-D", images, "-o", "again.log"]);
  meansRestore({ ok: again.status === 0, errors: firstErrors(join(images, "again.log")) }, /Pid \d+ is taken/);
});

test("a connection that nobody accepts is dumped, but cannot be restored: the scanner names it before", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using server = await others.silent(directory.path);
  await using app = await App.start("bun", { holds: ["unixStream"], at: server.at }, "blocked_app.ts");
  const [found, ...more] = await findBlockers([app.pid]);
  assert.equal(found?.kind, "unix-pending");
  assert.equal(found?.blocking, true);
  assert.match(found?.who ?? "", /silent\.sock, process \d+ \(/);
  assert.deepEqual(more, []);
  const dumped = await bareDump(directory.path, "images", app.pid, {});
  assert.deepEqual(dumped, { ok: true, errors: [] });
  await app.ended();
  meansRestore(await bareRestore(directory.path, "images", {}), /nobody had accepted/);
});

test("a restore of an app that was dumped with its terminal, without one", { skip }, async () => {
  using directory = temporaryDirectory();
  await using terminal = await others.terminal(directory.path);
  await using app = await App.start("bun", { holds: ["terminal"], at: terminal.at }, "blocked_app.ts");
  const dumped = await bareDump(directory.path, "images", app.pid, { shellJob: true });
  assert.deepEqual(dumped, { ok: true, errors: [] });
  await app.ended();
  meansRestore(await bareRestore(directory.path, "images", { shellJob: true }), /dumped with its terminal/);
});

test("an app with unblocked() refuses a dump with everything that blocks it, and not what the driver cures", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const imagesDir = join(directory.path, "images");
  mkdirSync(imagesDir, { mode: 0o700 });
  await using server = await others.tcp(directory.path);
  const options = { attached: true, holds: ["tcp", "flock"], at: server.at };
  await using app = await App.start("bun", options, "blocked_app.ts");
  const refused = await command()
    .dump({ pid: app.pid, imagesDir, criuOptions: { fileLocks: true } })
    .catch((error: unknown) => error);
  assert.ok(refused instanceof DumpRefusedError, String(refused));
  assert.match(refused.message, /unblocked: one thing blocks a dump: .*TCP connection.*--tcp-close/);
  assert.doesNotMatch(refused.message, /flock/);
  assert.equal((await app.event("outcome")).outcome, "aborted");
  rmSync(imagesDir, { recursive: true });
  await command().dump({ pid: app.pid, imagesDir, criuOptions: { fileLocks: true, tcpClose: true } });
  await app.ended();
  await command().restore({ imagesDir, criuOptions: { fileLocks: true, tcpClose: true } });
  assert.equal((await app.event("outcome", 2)).outcome, "restored");
});
