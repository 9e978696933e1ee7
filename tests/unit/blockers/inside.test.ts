/** The scanner on this very process, in both runtimes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { linkSync, mkdirSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { BlockedError, type Blocker, blockers, describeBlocker, findBlockers, unblocked } from "criu-aware/blockers";
import { reportDevice } from "../../../blockers/devices.ts";
import { createReport } from "../../../blockers/report.ts";
import { scanBlockers } from "../../../blockers/scan.ts";
import { openLibc } from "../../../ffi/libc.ts";
import type { CheckpointContext } from "../../../lifecycle/types.ts";
import { openBlockedCalls } from "../../support/blocked_calls.ts";
import { startProgram, startScript } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep } from "../../support/time.ts";

/** Above the largest pid that Linux can give: PID_MAX_LIMIT. */
const NO_PID = 4_194_305;
const context = (...criuOptions: string[]): CheckpointContext => ({
  noticeId: "x",
  criuOptions,
  signal: new AbortController().signal,
});

/** What holds a lock on a new file in `directory` until it is disposed. */
async function holdLock(directory: string): Promise<Disposable & { readonly path: string }> {
  const path = join(directory, "locked");
  writeFileSync(path, "x");
  const { calls, check, close } = await openBlockedCalls();
  const fd = check(calls.open(new TextEncoder().encode(`${path}\0`), 2, 0), "open");
  check(calls.flock(fd, 2), "flock");
  return { path, [Symbol.dispose]: () => void close(fd) };
}

const about = (found: readonly Blocker[], path: string): Blocker[] =>
  found.filter(({ what, who }) => what.includes(path) || who?.includes(path));

test("blockers() sees what this process holds, and no longer when it has let go", async () => {
  using directory = temporaryDirectory();
  {
    using lock = await holdLock(directory.path);
    const [found, ...more] = about(await blockers(), lock.path);
    assert.equal(found?.kind, "lock");
    assert.equal(found?.pid, process.pid);
    assert.equal(found?.blocking, true);
    assert.deepEqual(found?.cure.options, ["fileLocks"]);
    assert.deepEqual(more, []);
    assert.match(
      describeBlocker(found as Blocker),
      /^descriptor \d+ of process \d+: a file lock \(flock\) on .*; or --file-locks: an image is of no use once/,
    );
    const cured = about(await blockers(undefined, { criuOptions: { fileLocks: true } }), lock.path);
    assert.equal(cured[0]?.blocking, false);
    assert.deepEqual(about(await blockers(undefined, { ignore: [lock.path] }), lock.path), []);
  }
  assert.deepEqual(about(await blockers(), directory.path), []);
});

test("a file that is called like a deleted one is none; a removed one with another name is", async () => {
  using directory = temporaryDirectory();
  const { calls, check, close } = await openBlockedCalls();
  const open = (path: string): number => check(calls.open(new TextEncoder().encode(`${path}\0`), 0, 0), "open");
  const named = join(directory.path, "report (deleted)");
  const removed = join(directory.path, "removed");
  writeFileSync(named, "x");
  writeFileSync(removed, "x");
  linkSync(removed, join(directory.path, "other"));
  const fds = [open(named), open(removed)];
  unlinkSync(removed);
  const found = about(await blockers(), directory.path);
  for (const fd of fds) close(fd);
  assert.deepEqual(
    found.map(({ kind, fd }) => [kind, fd]),
    [["unlinked", fds[1]]],
  );
});

test("a symbolic link that took the place of a directory is not followed to the name of a deleted file", async () => {
  using directory = temporaryDirectory();
  const { calls, check, close } = await openBlockedCalls();
  const was = join(directory.path, "was");
  const trap = join(directory.path, "trap");
  for (const path of [was, trap]) mkdirSync(path);
  writeFileSync(join(was, "x"), "x");
  // The name that /proc shows then, in another directory and through a link of /proc.
  linkSync(join(was, "x"), join(trap, "x (deleted)"));
  const fd = check(calls.open(new TextEncoder().encode(`${join(was, "x")}\0`), 0, 0), "open");
  unlinkSync(join(was, "x"));
  rmdirSync(was);
  symlinkSync(`/proc/self/root${trap}`, was);
  const found = about(await blockers(), directory.path);
  close(fd);
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ["unlinked"],
  );
});

test("a file in mounts that any user may have made is not looked for by its name", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "report (deleted)");
  writeFileSync(path, "x");
  linkSync(path, join(directory.path, "other"));
  const script = 'exec 9<"$0"; echo open; exec sleep 60';
  for (const [own, expected] of [
    [["-Urm"], ["unlinked"]],
    [["-m"], []],
  ] as const) {
    await using child = startProgram("unshare", [...own, "sh", "-c", script, path]);
    await child.nextLine();
    const found = (await findBlockers([child.pid])).filter(
      ({ kind, what }) => kind === "unlinked" && what.includes(path.slice(0, -10)),
    );
    assert.deepEqual(
      found.map(({ kind }) => kind),
      expected,
    );
  }
});

test("a connection between two ends of this process is a blocker of TCP's, and none of unix's", async () => {
  using directory = temporaryDirectory();
  for (const where of [join(directory.path, "a.sock"), 0]) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(where as number, "127.0.0.1", resolve));
    const address = server.address() as { port: number } | string;
    const accepted = new Promise<{ destroy(): void }>((resolve) => server.once("connection", resolve));
    const client = typeof address === "string" ? connect(address) : connect(address.port, "127.0.0.1");
    const other = await accepted;
    const name = typeof address === "string" ? address : `:${address.port}`;
    const kinds = new Set(about(await blockers(), name).map(({ kind }) => kind));
    client.destroy();
    other.destroy();
    server.close();
    assert.deepEqual([...kinds], typeof address === "string" ? [] : ["tcp"]);
  }
});

test("a child of this process belongs to what is scanned, with a lock that was taken by a program that has ended", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "locked");
  await using child = startProgram("sh", ["-c", 'exec 9>"$0"; flock 9; echo locked; exec sleep 60', path]);
  await child.nextLine();
  const found = about(await blockers(), path);
  assert.ok(found.length > 0);
  assert.ok(found.every(({ pid, kind }) => pid !== process.pid && kind === "lock"));
});

test("a process of the same session may be dumped as well: an app that scans itself only warns of it", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "other.sock");
  await using child = startScript("blocked_listener.ts", path);
  await child.nextLine();
  const client = connect(path);
  await once(client, "connect");
  await child.nextLine();
  const libc = await openLibc();
  const [own] = about(scanBlockers(libc, [process.pid], {}, true), path);
  const [others] = about(scanBlockers(libc, [process.pid]), path);
  client.destroy();
  assert.equal(own?.kind, "unix-stream");
  assert.equal(own?.blocking, false);
  assert.match(own?.cure.advice ?? "", new RegExp(`No blocker when process ${child.pid} `));
  assert.equal(others?.blocking, true);
  assert.match(others?.who ?? "", new RegExp(`process ${child.pid} `));
});

test("GPUs are told from other devices", async () => {
  const report = createReport({}, []);
  const rest = { isOwn: false, report, goesOn: false, deleted: new Set<string>() };
  const scope = { libc: await openLibc(), pids: [1], tree: new Set([1]), ...rest };
  for (const link of ["/dev/nvidia0", "/dev/nvidia-uvm", "/dev/dri/renderD128", "/dev/kfd", "/dev/fuse"]) {
    reportDevice(scope, { pid: 1, link });
  }
  assert.deepEqual(
    scope.report.blockers.map(({ kind }) => kind),
    ["gpu", "gpu", "gpu", "gpu", "device"],
  );
});

test("processes that have ended, or end while they are looked at, are left out", async () => {
  assert.deepEqual(await findBlockers([]), []);
  assert.deepEqual(await findBlockers([NO_PID]), []);
  const libc = await openLibc();
  for (let round = 0; round < 10; round++) {
    const child = startProgram("true", []);
    let isOver = false;
    child.ended.then(() => {
      isOver = true;
    });
    while (!isOver) {
      scanBlockers(libc, [child.pid]);
      await sleep(0);
    }
    assert.deepEqual(scanBlockers(libc, [child.pid]), []);
  }
});

test("a scan leaves no descriptor open", async () => {
  await blockers();
  const before = countDescriptors(/^\/proc\/\d+|^socket:/);
  for (let i = 0; i < 10; i++) await blockers();
  assert.ok(countDescriptors(/^\/proc\/\d+|^socket:/) <= before);
});

test("blockers() of a detached agent throws", async () => {
  const agent = { state: "detached" } as unknown as Parameters<typeof blockers>[0];
  await assert.rejects(blockers(agent), /agent is detached/);
});

test("of many things that block, what is said ends with what cures them", () => {
  const cure = { options: [], advice: "close it" };
  const thing = (fd: number): Blocker => ({ kind: "lock", pid: 1, fd, what: "a lock", cure, blocking: true });
  const { message, blockers } = new BlockedError(Array.from({ length: 9 }, (_, i) => thing(i)));
  assert.equal(
    message,
    "9 things block a dump: descriptor 0 of process 1: a lock; descriptor 1 of process 1: a lock; 7 more → close it",
  );
  assert.equal(blockers.length, 9);
});

test("unblocked() refuses with everything that blocks, and not with what the driver's options cure", async () => {
  using directory = temporaryDirectory();
  // The test runner may hold more: only what is ours counts here.
  const others = (await blockers()).map(({ what }) => what);
  const resource = unblocked({ ignore: others });
  assert.equal(resource.tier, "runtime");
  await resource.beforeCheckpoint?.(context());
  using lock = await holdLock(directory.path);
  const refuse = async (): Promise<void> => resource.beforeCheckpoint?.(context("tcpClose"));
  await assert.rejects(refuse(), (error) => {
    assert.ok(error instanceof BlockedError);
    assert.equal(error.blockers.length, 1);
    assert.ok(error.message.includes(lock.path));
    assert.match(error.message, /^one thing blocks a dump: .*--file-locks/);
    return true;
  });
  await resource.beforeCheckpoint?.(context("fileLocks"));
});
