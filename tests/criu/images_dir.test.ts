/** Whose images directory it is: one dump at a time, for its owner only, and nobody else can have put there what is restored. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, DumpRefusedError, rpc, UsageError } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;
const NOBODY = 65534;

for (const [kind, engine] of [
  ["rpc", rpc],
  ["command", command],
] as const) {
  test(`${kind}: of two dumps into one directory one is refused, and the images of the other stay whole`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const imagesDir = join(directory.path, "images");
    await using app = await App.start("bun");
    const dump = (): Promise<unknown> => engine().dump({ pid: app.pid, imagesDir });
    const ends = await Promise.allSettled([dump(), dump()]);
    const failures = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as Error] : []));
    assert.equal(failures.length, 1);
    assert.ok(failures[0] instanceof UsageError);
    assert.match(failures[0].message, /another dump is writing there\. Name a new directory/);
    await app.ended();
    await engine().restore({ imagesDir });
    assert.equal((await app.event("after")).outcome, "restored");
    await app.goesOn();
  });

  test(`${kind}: the directory of a dump that was refused is taken by the next one`, { skip }, async () => {
    using directory = temporaryDirectory();
    const imagesDir = join(directory.path, "images");
    await using app = await App.start("bun");
    const refused = engine().dump({ pid: app.pid, imagesDir, onHook: () => Promise.reject(new Error("not now")) });
    await assert.rejects(refused, DumpRefusedError);
    assert.ok(!existsSync(imagesDir));
    await engine().dump({ pid: app.pid, imagesDir, leaveRunning: true });
    assert.ok(existsSync(join(imagesDir, "criu-aware.json")));
  });
}

test("two commands at once into one directory: one dumps, and its images can be restored", { skip }, async () => {
  using directory = temporaryDirectory();
  const images = join(directory.path, "images");
  await using app = await App.start("bun");
  const args = ["dump", app.pid, "-D", images];
  const ends = await Promise.all([runCli("bun", args), runCli("bun", args)]);
  assert.equal(ends.filter(({ code }) => code === 0).length, 1, ends.map(({ err }) => err).join("\n"));
  await app.ended();
  const restored = await runCli("bun", ["restore", images]);
  assert.equal(restored.code, 0, restored.err);
});

test("a dump that finds no process leaves no directory, those above it included", { skip }, async () => {
  using directory = temporaryDirectory();
  const imagesDir = join(directory.path, "a/b/images");
  await assert.rejects(rpc().dump({ pid: 4194304, imagesDir }));
  assert.deepEqual(readdirSync(directory.path), []);
});

test("only what a dump has made is removed when it fails", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const onHook = (hook: string): void => {
    if (hook === "pre-dump") writeFileSync(join(path, "notes.txt"), "mine");
    if (hook === "post-dump") throw new Error("no");
  };
  await assert.rejects(rpc().dump({ pid: app.pid, imagesDir: path, onHook }), DumpRefusedError);
  assert.equal(readFileSync(join(path, "notes.txt"), "utf8"), "mine");
  assert.deepEqual(readdirSync(path).sort(), ["notes.txt"]);
});

test("a directory that others may look into, or replace, is refused with the cure before anybody is told", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const dump = (imagesDir: string, trustImages = false): Promise<unknown> =>
    rpc().dump({ pid: app.pid, imagesDir, leaveRunning: true, trustImages });
  const open = join(path, "open");
  mkdirSync(open);
  chmodSync(open, 0o755);
  await assert.rejects(dump(open), new RegExp(`mode 755.*Run: chmod 700 ${open}`, "s"));

  const theirs = join(path, "theirs");
  mkdirSync(theirs, { mode: 0o700 });
  chownSync(theirs, NOBODY, NOBODY);
  await assert.rejects(dump(theirs), /belongs to another user \(uid 65534\)/);
  await assert.rejects(dump(join(theirs, "images")), /belongs to another user/);

  const real = join(path, "real");
  mkdirSync(real, { mode: 0o700 });
  symlinkSync(real, join(path, "link"));
  lchownSync(join(path, "link"), NOBODY, NOBODY);
  await assert.rejects(dump(join(path, "link")), /belongs to another user/);
  assert.deepEqual([readdirSync(open), readdirSync(theirs), readdirSync(real)], [[], [], []]);
  assert.deepEqual(app.named("before"), []);

  await dump(open, true);
  await dump(join(path, "new"));
  assert.equal(statSync(join(path, "new")).mode & 0o777, 0o700);
});

test("a dump writes through no link that lies in its directory", { skip }, async () => {
  using directory = temporaryDirectory();
  const imagesDir = join(directory.path, "images");
  const victim = join(directory.path, "victim");
  mkdirSync(imagesDir, { mode: 0o700 });
  writeFileSync(victim, "precious");
  symlinkSync(victim, join(imagesDir, "dump.log"));
  await using app = await App.start("bun");
  await rpc().dump({ pid: app.pid, imagesDir, leaveRunning: true });
  assert.equal(readFileSync(victim, "utf8"), "precious");
});

test("images that others may write are not restored unless one says so; those that they may only read are", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const images = join(directory.path, "images");
  await using app = await App.start("bun");
  await rpc().dump({ pid: app.pid, imagesDir: images });
  await app.ended();
  const pstree = join(images, "pstree.img");
  const refused = async (reason: RegExp): Promise<void> => {
    const { code, err } = await runCli("bun", ["restore", images]);
    assert.equal(code, 2, err);
    assert.match(err, reason);
    assert.match(err, /--trust-images/);
    assert.ok(!existsSync(`/proc/${app.pid}`));
  };
  chmodSync(images, 0o1777);
  await refused(/may be written by other users \(mode 1777\)/);
  chmodSync(images, 0o711);
  chmodSync(pstree, 0o646);
  await refused(/pstree\.img may be written by other users/);
  chmodSync(pstree, 0o644);
  chownSync(pstree, NOBODY, NOBODY);
  await refused(/pstree\.img belongs to another user \(uid 65534\)/);
  const start = await runCli("bun", [
    "run",
    "--log",
    join(directory.path, "log"),
    "--restore-or-start",
    images,
    "--",
    "true",
  ]);
  assert.match(start.err, /not restored: .*belongs to another user/);
  chownSync(pstree, 0, 0);
  chownSync(images, NOBODY, NOBODY);
  await refused(/images belongs to another user/);
  const trusted = await runCli("bun", ["restore", images, "--trust-images"]);
  assert.equal(trusted.code, 0, trusted.err);
  process.kill(app.pid, "SIGKILL");

  // The modes that a restore into a user namespace needs.
  chownSync(images, 0, 0);
  for (const name of readdirSync(images)) chmodSync(join(images, name), 0o644);
  const readable = await runCli("bun", ["restore", images]);
  assert.equal(readable.code, 0, readable.err);
});

test("neither a log nor a trace is written where another user has put a link", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  // As /tmp is.
  chmodSync(path, 0o1777);
  const victim = join(path, "victim");
  writeFileSync(victim, "precious");
  const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "ln", "-s", victim, join(path, "link")];
  assert.equal(spawnSync("setpriv", asNobody).status, 0);
  await using app = await App.start("bun");
  const link = join(path, "link");
  for (const args of [
    ["run", "--log", link, "--", "echo", "attacked"],
    ["dump", app.pid, "-D", join(path, "images"), "--trace", link],
  ]) {
    const { code, err } = await runCli("bun", args);
    assert.equal(code, 2, err);
    assert.match(err, /link belongs to another user \(uid 65534\)/);
  }
  assert.equal(readFileSync(victim, "utf8"), "precious");
  assert.deepEqual(app.named("before"), []);
});
