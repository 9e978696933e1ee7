/** Files that a dump or its restore would fail on, and standard streams. On real CRIU. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findBlockers } from "criu-aware/blockers";
import { DumpRefusedError, rpc } from "criu-aware/driver";
import { explain } from "../../driver/failures/explain.ts";
import { App } from "../support/app.ts";
import { bareDump, bareRestore, blocking, startByShell } from "../support/blocked_dump.ts";
import { end, startProgram } from "../support/child.ts";
import { noCriu, runCriuAsync, shell } from "../support/criu.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

test("deno: the locks of its caches are named, and their cure works", { skip }, async () => {
  using directory = temporaryDirectory();
  const env = { DENO_DIR: join(directory.path, "deno") };
  await using app = await startByShell("deno", directory.path, { prefix: "setsid", env });
  const found = blocking(await findBlockers([app.pid]));
  assert.deepEqual([...new Set(found.map(({ kind }) => kind))], ["lock"], JSON.stringify(found));
  assert.match(found[0]?.what ?? "", /\/deno\/.*_v\d/);
  const failed = await bareDump(directory.path, "bare", app.pid, {});
  assert.deepEqual(explain(failed.errors, "dump")?.options, ["fileLocks"]);
  const dumped = await bareDump(directory.path, "cured", app.pid, { fileLocks: true });
  assert.deepEqual(dumped, { ok: true, errors: [] });
});

test("deno: an own dump that fails on the locks of its caches says what DENO_DIR has to be", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  for (const looksFirst of [true, false]) {
    const options = { imagesDir: join(path, "images"), directory: path, atOnce: true, looksFirst };
    const script = join(import.meta.dirname as string, "../support/self_app.ts");
    const command = ["setsid", ...runCommand.deno, script, JSON.stringify(options)];
    const shell = `exec "$@" </dev/null >${path}/output 2>&1`;
    const env = { DENO_DIR: join(path, "deno") };
    await startProgram("sh", ["-c", shell, "sh", ...command], env).ended;
    const said = readFileSync(join(path, "output"), "utf8");
    assert.match(said, /"event":"failed"/);
    assert.match(said, looksFirst ? /"DumpRefusedError"/ : /"CriuError"/);
    assert.match(said, /Deno's own caches: criu-aware run, with DENO_DIR unset/);
  }
});

test("standard streams that Bun gave to a child are named", { skip }, async () => {
  using directory = temporaryDirectory();
  const script = join(import.meta.dirname as string, "../support/blocked_app.ts");
  await using app = startProgram("setsid", [...runCommand.bun, script, JSON.stringify({ directory: directory.path })]);
  await app.nextLine();
  const found = await findBlockers([app.pid]);
  assert.deepEqual(
    found.map(({ kind, fd }) => `${kind} ${fd}`),
    ["stdio 1", "stdio 2"],
  );
  assert.match(found[0]?.who ?? "", new RegExp(`^process ${process.pid} `));
  const failed = await bareDump(directory.path, "bare", app.pid, {});
  assert.match(explain(failed.errors, "dump")?.meaning ?? "", /unix socket/);
});

test("a file on a mount that is gone is named", { skip }, async () => {
  using directory = temporaryDirectory();
  const mount = join(directory.path, "mount");
  shell(`mkdir ${mount}; mount -t tmpfs test ${mount}; echo x >${mount}/file`);
  await using app = await App.start("bun", { holds: ["path"], at: join(mount, "file") }, "blocked_app.ts");
  assert.deepEqual(await findBlockers([app.pid]), []);
  shell(`umount -l ${mount}`);
  const [found, ...more] = await findBlockers([app.pid]);
  assert.equal(found?.kind, "mount");
  assert.equal(found?.blocking, true);
  assert.deepEqual(more, []);
  const failed = await bareDump(directory.path, "bare", app.pid, {});
  assert.match(explain(failed.errors, "dump")?.cure ?? "", /by a path that the process sees/);
  const external = [found?.who ?? ""];
  assert.deepEqual(blocking(await findBlockers([app.pid], { criuOptions: { external } })), []);
  assert.equal(blocking(await findBlockers([app.pid], { criuOptions: { external: ["file[1:2]"] } })).length, 1);
  const dumped = await bareDump(directory.path, "cured", app.pid, { external });
  assert.deepEqual(dumped, { ok: true, errors: [] });
});

test("standard streams that were opened before the app got its own mounts are named", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await startByShell("bun", directory.path, { prefix: "unshare --mount setsid" });
  const found = await findBlockers([app.pid]);
  assert.deepEqual(
    found.map(({ kind, fd }) => `${kind} ${fd}`),
    ["mount 0", "mount 1", "mount 2"],
  );
  const failed = await bareDump(directory.path, "bare", app.pid, {});
  assert.match(explain(failed.errors, "dump")?.meaning ?? "", /\/dev\/null.* is on a mount that the app does not see/);
});

test("a removed file with another name blocks a dump after which the app goes on, for it could not be restored", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun", { attached: true, holds: ["linked"] }, "blocked_app.ts");
  const criuOptions = { linkRemap: true };
  assert.deepEqual(blocking(await findBlockers([app.pid], { criuOptions })), []);
  const [found] = blocking(await findBlockers([app.pid], { criuOptions, leaveRunning: true }));
  assert.equal(found?.kind, "unlinked");
  assert.deepEqual(found?.cure.options, []);
  const imagesDir = join(directory.path, "images");
  await assert.rejects(rpc().dump({ pid: app.pid, imagesDir, leaveRunning: true, criuOptions }), DumpRefusedError);
  // The app has seen it as well, and CRIU was never asked. What CRIU would have made:
  mkdirSync(imagesDir, { recursive: true });
  const args = ["dump", "-t", String(app.pid), "-D", imagesDir, "-o", "dump.log", "--leave-running", "--link-remap"];
  assert.equal(await runCriuAsync(args), 0);
  process.kill(app.pid, "SIGKILL");
  await app.ended();
  const { ok, errors } = await bareRestore(directory.path, "images", criuOptions);
  assert.equal(ok, false);
  assert.match(errors.join("\n"), /Can't link .*link_remap/);
});

test("an open file about a thread is named: it could be dumped, and not restored", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun", { holds: ["threadFile"] }, "blocked_app.ts");
  const [found, ...more] = await findBlockers([app.pid]);
  assert.equal(found?.kind, "thread-file");
  assert.equal(found?.blocking, true);
  assert.deepEqual(more, []);
  assert.deepEqual(await bareDump(directory.path, "images", app.pid, {}), { ok: true, errors: [] });
  await app.ended();
  const { ok, errors } = await bareRestore(directory.path, "images", {});
  assert.equal(ok, false);
  assert.match(errors.join("\n"), /Can't open file proc\/\d+\/task\/\d+\/stat/);
});

test("a file about a process outside of the tree is a warning, and one about the app itself is none", {
  skip,
}, async () => {
  await using outside = startProgram("sleep", ["60"]);
  await using app = await App.start("bun", { holds: ["path"], at: `/proc/${outside.pid}/stat` }, "blocked_app.ts");
  const [found, ...more] = await findBlockers([app.pid]);
  assert.equal(found?.kind, "process-file");
  assert.equal(found?.blocking, false);
  assert.deepEqual(more, []);
  await using other = await App.start("bun", { holds: ["path"], at: "/proc/self/status" }, "blocked_app.ts");
  assert.deepEqual(await findBlockers([other.pid]), []);
});

test("a program that was removed while it runs is restored with the limit that was advised", { skip }, async () => {
  using directory = temporaryDirectory();
  const program = join(directory.path, "program");
  copyFileSync(realpathSync(runCommand.bun[0] as string), program);
  await using app = await startByShell("bun", directory.path, { prefix: "setsid", program, holds: { attached: true } });
  rmSync(program);
  const [found] = blocking(await findBlockers([app.pid]));
  const ghostLimit = Number(/of (\d+) bytes/.exec(found?.what ?? "")?.[1]);
  const imagesDir = join(directory.path, "images");
  await rpc().dump({ pid: app.pid, imagesDir, criuOptions: { ghostLimit } });
  await app.ended;
  const { pid, processes } = await rpc().restore({ imagesDir });
  assert.equal(processes[0]?.outcome, "restored");
  await end(pid);
});

test("an app in a chroot can be dumped and restored, and nothing of it blocks", { skip }, async () => {
  using directory = temporaryDirectory();
  const root = directory.path;
  const repository = realpathSync(join(import.meta.dirname as string, "../.."));
  const places = ["bin", "lib", "lib64", "usr", "proc", repository.slice(1)];
  // Read-only, and let go of lazily: what removes the directory must never come to what is mounted there.
  const mount = (at: string, place: string): string =>
    `mkdir -p ${at} && mount --bind /${place} ${at} && mount -o remount,bind,ro ${at}`;
  shell(places.map((place) => mount(`${root}/${place}`, place)).join(" && "));
  try {
    await using app = await startByShell("bun", root, { prefix: `setsid chroot ${root}` });
    assert.deepEqual(await findBlockers([app.pid]), []);
    assert.deepEqual(await bareDump(root, "images", app.pid, {}), { ok: true, errors: [] });
    await app.ended;
    assert.deepEqual(await bareRestore(root, "images", {}), { ok: true, errors: [] });
    await end(app.pid);
  } finally {
    shell(places.map((place) => `umount -l ${root}/${place}`).join("; "));
  }
});
