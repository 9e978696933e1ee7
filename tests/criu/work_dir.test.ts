/** What CRIU writes besides images is never among them, and a dump that did not come to be leaves nothing. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CriuError, command, DumpRefusedError, rpc, UsageError } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { end } from "../support/child.ts";
import { type Ran, runCli } from "../support/cli.ts";
import { noCriu, shell } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;
const engines = [
  ["rpc", rpc],
  ["command", command],
] as const;
/** CRIU looks for the freezer of this cgroup when it is already at work. */
const failing = { freezeCgroup: "/nowhere" };

/** `criu-aware`, with a directory of its own for temporary files. */
function cliIn(temporary: string, ...args: (string | number)[]): Promise<Ran> {
  mkdirSync(temporary, { recursive: true });
  return runCli("bun", args, { TMPDIR: temporary });
}

/** A dump that worked, and whose app has ended. */
async function dumped(directory: string, app: App): Promise<string> {
  const imagesDir = join(directory, "images");
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended();
  return imagesDir;
}

for (const [kind, engine] of engines) {
  test(`${kind}: a dump that fails leaves its directory as it was, names its log, and works at once when corrected`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const [imagesDir, workDir] = [join(path, "a/images"), join(path, "work")];
    await using app = await App.start("bun");
    const dump = (criuOptions: object): Promise<unknown> =>
      engine().dump({ pid: app.pid, imagesDir, workDir, criuOptions });
    const failed = await dump(failing).catch((error: unknown) => error);
    assert.ok(failed instanceof CriuError, String(failed));
    assert.equal(failed.logFile, join(workDir, "dump.log"));
    assert.match(failed.message, new RegExp(`see ${failed.logFile}`));
    assert.match(readFileSync(failed.logFile as string, "utf8"), /freezer/);
    assert.deepEqual(readdirSync(path).includes("a"), false);
    await dump({});
    assert.ok(readdirSync(imagesDir).includes("dump.log"), "a log of a dump that is done lies beside its images");
    assert.ok(readdirSync(imagesDir).includes("stats-dump"));
    assert.deepEqual(readdirSync(workDir), []);
  });

  test(`${kind}: a dump that is refused leaves its directory as it was, and works at once when corrected`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const [imagesDir, workDir] = [join(directory.path, "images"), join(directory.path, "work")];
    mkdirSync(imagesDir, { mode: 0o700 });
    writeFileSync(join(imagesDir, "dump.log"), "of a criu that was run by hand");
    await using app = await App.start("bun");
    const dump = (onHook: () => void): Promise<unknown> => engine().dump({ pid: app.pid, imagesDir, workDir, onHook });
    const refused = await dump(() => {
      throw new Error("not now");
    }).catch((error: unknown) => error);
    assert.ok(refused instanceof DumpRefusedError, String(refused));
    assert.equal(refused.logFile, join(workDir, "dump.log"));
    assert.match(refused.message, /CRIU's log: .*work\/dump\.log/);
    assert.deepEqual(readdirSync(imagesDir), ["dump.log"]);
    assert.match(readFileSync(join(imagesDir, "dump.log"), "utf8"), /by hand/);
    await dump(() => {});
    assert.ok(existsSync(join(imagesDir, "criu-aware.json")));
  });

  test(`${kind}: images on a read-only mount are restored, and a second restore says that the pid is in use`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    await using app = await App.start("bun");
    const images = await dumped(path, app);
    const readOnly = join(path, "read-only");
    shell(`mkdir ${readOnly}; mount -o bind,ro ${images} ${readOnly}`);
    try {
      const temporary = join(path, "tmp");
      const { code, err } = await cliIn(temporary, "restore", readOnly, "--engine", kind);
      assert.equal(code, 0, err);
      await app.goesOn();
      assert.deepEqual(readdirSync(temporary), []);
      const second = await cliIn(temporary, "restore", readOnly, "--engine", kind);
      assert.equal(second.code, 1);
      assert.match(second.err, new RegExp(`pid ${app.pid} is taken by (bun|deno)\\. End it`));
      assert.equal(second.err.match(/is taken by/g)?.length, 1, "said once, not for each thread");
    } finally {
      shell(`umount ${readOnly}`);
    }
  });

  test(`${kind}: a restore with a work directory writes its log there, and nothing among the images`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    await using app = await App.start("bun");
    const images = await dumped(path, app);
    const before = readdirSync(images);
    await engine().restore({ imagesDir: images, workDir: join(path, "work") });
    assert.ok(readdirSync(join(path, "work")).includes("restore.log"));
    assert.deepEqual(readdirSync(images), before);
  });

  test(`${kind}: a restore that fails names its log, which stays outside of the images`, { skip }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    await using app = await App.start("bun");
    const images = await dumped(path, app);
    const before = readdirSync(images);
    const { code, out } = await cliIn(
      join(path, "tmp"),
      ...["restore", images, "--engine", kind, "--json", "--criu-option=--lsm-profile=selinux:none"],
    );
    assert.equal(code, 1, out);
    const { logFile, message } = JSON.parse(out).error;
    assert.match(logFile, /\/tmp\/criu-aware-\w+\/restore\.log$/);
    assert.match(message, new RegExp(`see ${logFile}`));
    assert.match(readFileSync(logFile, "utf8"), /Error/);
    assert.deepEqual(readdirSync(images), before);
  });
}

test("of two restores of one image at once, one restores, and the other says that the pid is in use", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const images = await dumped(path, app);
  const before = readdirSync(images);
  const restore = (engine: string): Promise<Ran> => cliIn(join(path, engine), "restore", images, "--engine", engine);
  const ends = await Promise.all([restore("rpc"), restore("command")]);
  assert.deepEqual(ends.map(({ code }) => code).sort(), [0, 1], ends.map(({ err }) => err).join("\n"));
  assert.match(ends.find(({ code }) => code === 1)?.err ?? "", /id \d+ is taken by/);
  assert.deepEqual(readdirSync(images), before);
  await app.goesOn();
});

test("images that are named as the work directory, too, keep what the dump has said", { skip }, async () => {
  using directory = temporaryDirectory();
  const imagesDir = join(directory.path, "images");
  await using app = await App.start("bun");
  await rpc().dump({ pid: app.pid, imagesDir, workDir: imagesDir });
  await app.ended();
  writeFileSync(join(imagesDir, "pid"), "of somebody's own");
  await rpc().restore({ imagesDir, workDir: imagesDir });
  const names = readdirSync(imagesDir);
  for (const name of ["dump.log", "stats-dump", "restore.log", "pid"]) assert.ok(names.includes(name), name);
  await app.goesOn();
});

for (const runtime of runtimes) {
  test(`${runtime}: checkpoint() that fails leaves the directory as it was, names its log, and works at once`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const [imagesDir, workDir] = [join(path, "images"), join(path, "work")];
    await using failed = await App.start(runtime, { imagesDir, workDir, criuOptions: failing }, "self_app.ts");
    process.kill(failed.pid, "SIGUSR2");
    const { message } = await failed.event("failed");
    assert.match(String(message), /see .*work\/dump\.log/);
    assert.deepEqual(readdirSync(path).sort(), ["work"]);
    await using good = await App.start(runtime, { imagesDir, leaveRunning: true }, "self_app.ts");
    process.kill(good.pid, "SIGUSR2");
    assert.equal((await good.event("checkpoint")).outcome, "continued");
    for (const name of ["dump.log", "stats-dump", "criu-aware.json"])
      assert.ok(existsSync(join(imagesDir, name)), name);
  });
}

test("a dump into an empty directory that is read-only says so, and tells no app", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  shell(`mkdir -m 700 ${path}/empty ${path}/read-only; mount -o bind,ro ${path}/empty ${path}/read-only`);
  try {
    await using app = await App.start("bun");
    await assert.rejects(rpc().dump({ pid: app.pid, imagesDir: join(path, "read-only") }), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /its file system is read-only\. Name a directory that can be written/);
      return true;
    });
    assert.deepEqual(app.named("before"), []);
  } finally {
    shell(`umount ${path}/read-only`);
  }
});

test("a work directory in which others may write is refused, with the cure", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const open = join(path, "open");
  mkdirSync(open);
  chmodSync(open, 0o1777);
  await using app = await App.start("bun");
  const dump = rpc().dump({ pid: app.pid, imagesDir: join(path, "images"), workDir: open });
  await assert.rejects(dump, /Cannot keep CRIU's log in .*open: .*written by other users.*--work-dir/);
  assert.deepEqual(readdirSync(path), ["open"].concat(existsSync(join(path, "images")) ? ["images"] : []).sort());
});

test("a full disk is named as the cause, at a dump and at a restore", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const full = join(path, "full");
  shell(`mkdir ${full}; mount -t tmpfs -o size=64k,mode=700 test ${full}`);
  try {
    await using app = await App.start("bun");
    // Where the log is on the full disk as well, and beside it.
    for (const temporary of [full, join(path, "tmp")]) {
      const failed = await cliIn(temporary, "dump", app.pid, "-D", join(full, "images"));
      assert.equal(failed.code, 1);
      assert.match(failed.err, /disk .*is full/);
      assert.ok(!existsSync(join(full, "images")));
      await app.goesOn();
    }
    const images = await dumped(path, app);
    shell(`rm -rf ${full}/*; dd if=/dev/zero of=${full}/file bs=1k 2>/dev/null || true`);
    for (const [kind] of engines) {
      const { code, err } = await cliIn(full, "restore", images, "--engine", kind);
      // What runs is not reported as failed, and what failed has a reason.
      if (code === 0) {
        await app.goesOn();
        await end(app.pid);
      } else {
        assert.match(err, /disk .*is full.*--work-dir/s);
        assert.ok(!existsSync(`/proc/${app.pid}`) || readFileSync(`/proc/${app.pid}/stat`, "utf8").includes(") Z "));
      }
    }
    assert.equal((await cliIn(join(path, "tmp"), "restore", images)).code, 0);
    await app.goesOn();
  } finally {
    shell(`umount ${full}`);
  }
});
