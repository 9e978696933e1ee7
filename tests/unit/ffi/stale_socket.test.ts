import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, lstatSync, mkdirSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { SIGURG } from "../../../ffi/signal_numbers.ts";
import { listenerAt } from "../../../ffi/stale_socket.ts";
import { listenUnix } from "../../../ffi/unix_listener.ts";
import { startScript } from "../../support/child.ts";
import { noNobody } from "../../support/nobody.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const libc = await openLibc();

/** Leaves a socket at `path` as a process does that is killed. */
function leaveStale(path: string): void {
  libc.close(listenUnix(libc, path, SIGURG).fd);
}

test("listenerAt() tells who listens, and undefined when nobody does", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  assert.equal(listenerAt(libc, path), undefined);
  {
    using _listener = listenUnix(libc, path, SIGURG);
    assert.equal(listenerAt(libc, path), process.pid);
  }
  leaveStale(path);
  assert.equal(listenerAt(libc, path), undefined);
});

test("a socket that nobody listens on is replaced, and nothing else is left", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  for (let i = 0; i < 3; i++) leaveStale(path);
  using listener = listenUnix(libc, path, SIGURG);
  assert.equal(listenerAt(libc, path), process.pid);
  (listener.accept() as Disposable)[Symbol.dispose]();
  assert.equal(listener.accept(), undefined);
  assert.deepEqual(readdirSync(directory.path), ["s"]);
});

test("what is not a socket is said and left alone", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  leaveStale(`${directory.path}/stale`);
  const things: Record<string, () => void> = {
    file: () => writeFileSync(path, "precious"),
    directory: () => mkdirSync(path),
    "symbolic link": () => symlinkSync("stale", path),
    "dangling link": () => symlinkSync("nowhere", path),
    fifo: () => execFileSync("mkfifo", [path]),
  };
  for (const [what, make] of Object.entries(things)) {
    make();
    const { ino } = lstatSync(path);
    assert.throws(() => listenUnix(libc, path, SIGURG), /what lies there is not a socket of this user/, what);
    assert.equal(lstatSync(path).ino, ino, what);
    execFileSync("rm", ["-r", path]);
  }
  assert.deepEqual(readdirSync(directory.path), ["stale"]);
});

test("a stale socket of another user is said and left alone", { skip: noNobody }, () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  leaveStale(path);
  chownSync(path, 12_345, 12_345);
  assert.throws(() => listenUnix(libc, path, SIGURG), /what lies there is not a socket of this user/);
  assert.equal(lstatSync(path).uid, 12_345);
});

test("of many that start at once at a stale socket one listens there, and the others say so", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  leaveStale(path);
  const go = `${directory.path}/go`;
  await using cleanup = new AsyncDisposableStack();
  const children = Array.from({ length: 6 }, () => cleanup.use(startScript("listening.ts", path, go)));
  for (const child of children) assert.equal(await child.nextLine(), "waiting");
  writeFileSync(go, "");
  const lines = await Promise.all(children.map((child) => child.nextLine()));
  const [winner, ...more] = children.filter((_, i) => lines[i] === "listening");
  assert.deepEqual(more, [], lines.join("\n"));
  if (winner) assert.equal(listenerAt(libc, path), winner.pid, lines.join("\n"));
  else assert.fail(lines.join("\n"));
  assert.deepEqual(readdirSync(directory.path).sort(), ["go", "s"]);
});

test("disposal leaves the socket of another process that has the path by now", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  const listener = listenUnix(libc, path, SIGURG);
  unlinkSync(path);
  writeFileSync(`${directory.path}/go`, "");
  await using child = startScript("listening.ts", path, `${directory.path}/go`);
  await child.nextLine();
  assert.equal(await child.nextLine(), "listening");
  listener[Symbol.dispose]();
  assert.equal(listenerAt(libc, path), child.pid);
});
