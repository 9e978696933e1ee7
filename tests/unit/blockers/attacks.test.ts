/** What a hostile process may put in the way of the scanner. */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { blockers, findBlockers } from "criu-aware/blockers";
import { wasConnected } from "../../../blockers/closed_tcp.ts";
import { watchDirectory } from "../../../ffi/inotify.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { runShell, startScript } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { countOpens } from "../../support/impostor.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

/** A runtime opens some descriptors of its own whenever it likes; a scan that left one open each time would show more. */
const SOME_OF_THE_RUNTIME = 20;

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

test("descriptors that are closed, or become something else, while they are looked at stop no scan, and leave nothing open", async () => {
  using directory = temporaryDirectory();
  await using hostile = startScript("swapping_descriptors.ts", directory.path);
  assert.equal(await hostile.nextLine(), "swapping");
  const before = countDescriptors(/./);
  const kinds = new Set<string>();
  for (let i = 0; i < 30; i++) {
    for (const { kind, pid, what } of await findBlockers([hostile.pid])) {
      assert.ok(pid === hostile.pid && what !== "");
      kinds.add(kind);
    }
  }
  // They were seen, each now and then.
  for (const kind of ["lock", "deleted", "packet-pipe", "pidfd"]) assert.ok(kinds.has(kind), `${kind}: ${[...kinds]}`);
  assert.ok(countDescriptors(/./) <= before + SOME_OF_THE_RUNTIME);
});

test("a pipe, a device or a socket where a watch is looked for is not opened", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await runShell(
    `cd ${path}; mkfifo fifo below-fifo; mkdir below; mkfifo below/fifo; ln -s /dev/zero zero; ln -s . loop`,
  );
  using watch = watchDirectory(await openLibc(), "/proc/sys/kernel", () => {});
  using opens = await countOpens(`${path}/fifo`);
  for (const irmapScanPath of [
    [`${path}/fifo`],
    ["/dev/zero"],
    [path],
    [`${path}/loop/loop/fifo`],
    ["relative"],
    [""],
  ]) {
    const found = await blockers(undefined, { criuOptions: { irmapScanPath } });
    assert.ok(found.some(({ kind, fd }) => kind === "watch" && fd === watch.fd));
  }
  assert.equal(opens.count(), 0);
});
