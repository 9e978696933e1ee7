/** What a hostile process may put in the way of the scanner. */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { blockers } from "criu-aware/blockers";
import { wasConnected } from "../../../blockers/closed_tcp.ts";
import { watchDirectory } from "../../../ffi/inotify.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { runShell, startScript } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

test("directories that are deeper than a path may be do not stop the search for a watch", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const name = "d".repeat(200);
  const made = await runShell(`cd ${path}; for i in $(seq 40); do mkdir ${name} && cd -P ${name} || exit; done`);
  assert.equal(made.code, 0, made.stderr);
  using watch = watchDirectory(await openLibc(), "/proc/sys/kernel", () => {});
  const found = await blockers(undefined, { criuOptions: { irmapScanPath: [path] } });
  assert.ok(found.some(({ kind, fd }) => kind === "watch" && fd === watch.fd));
  await runShell(`rm -rf ${path}/*`);
});

test("a copy of a connection is never closed while it may linger; that of a closed socket is", async () => {
  const libc = await openLibc();
  await using holder = startScript("tcp_holder.ts");
  const [open = 0, over = 0] = (await holder.nextLine()).split(" ").map(Number);
  const sockets = (): string[] =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === readlinkSync(`/proc/${holder.pid}/fd/${open}`);
      } catch {
        return false;
      }
    });
  assert.equal(wasConnected(libc, { pid: holder.pid, fd: over } as never), false);
  assert.equal(wasConnected(libc, { pid: holder.pid, fd: open } as never), true);
  const kept = sockets();
  assert.equal(kept.length, 1, "the copy of the connection");
  for (const fd of kept) libc.close(Number(fd));
});
