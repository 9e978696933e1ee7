/** What concerns processes as a whole: sessions, tracers, namespaces. On real CRIU. */
import assert from "node:assert/strict";
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type BlockerKind, findBlockers } from "criu-aware/blockers";
import { DumpRefusedError, rpc } from "criu-aware/driver";
import type { CriuOptions } from "../../criu/options.ts";
import { explain } from "../../driver/failures/explain.ts";
import { processTree } from "../../ffi/process_tree.ts";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";
import { App } from "../support/app.ts";
import { bareDump, bareRestore, blocking, roundTrip, startByShell } from "../support/blocked_dump.ts";
import { others } from "../support/blocked_others.ts";
import { end, startProgram } from "../support/child.ts";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;

test("an app in the session of another process is named, and with shellJob it is dumped", { skip }, async () => {
  using directory = temporaryDirectory();
  await using leader = await startByShell("bun", directory.path, { prefix: "setsid sh -c '\"$@\" & wait' sh" });
  const pid = processTree(leader.pid)[1] as number;
  try {
    const [found, ...more] = blocking(await findBlockers([pid]));
    assert.equal(found?.kind, "session");
    assert.equal(found?.who, `process ${leader.pid} (sh)`);
    assert.deepEqual(more, []);
    assert.deepEqual(blocking(await findBlockers([pid], { criuOptions: { shellJob: true } })), []);
    const failed = await bareDump(directory.path, "bare", pid, {});
    assert.deepEqual(explain(failed.errors, "dump")?.options, ["shellJob"]);
    const dumped = await bareDump(directory.path, "cured", pid, { shellJob: true });
    assert.deepEqual(dumped, { ok: true, errors: [] });
  } finally {
    await end(pid);
  }
});

test("an app whose session is led from outside of its pid namespace is named, and no option helps", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using outside = await startByShell("bun", directory.path, { prefix: "unshare --pid --fork --mount-proc" });
  const pid = processTree(outside.pid)[1] as number;
  try {
    const kindsWith = async (criuOptions: CriuOptions): Promise<BlockerKind[]> =>
      blocking(await findBlockers([pid], { criuOptions })).map(({ kind }) => kind);
    assert.ok((await kindsWith({})).includes("outer-session"));
    assert.ok((await kindsWith({ shellJob: true })).includes("outer-session"));
    const failed = await bareDump(directory.path, "bare", pid, { shellJob: true });
    assert.match(explain(failed.errors, "dump")?.meaning ?? "", /another pid namespace/);
  } finally {
    await end(pid);
  }
});

test("a tracer is named, and without it the app is dumped", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun", {}, "blocked_app.ts");
  {
    await using tracer = await App.start("bun", { holds: ["trace"], at: app.pid }, "blocked_app.ts");
    assert.equal((await tracer.event("attached")).fails, "");
    const [found, ...more] = await findBlockers([app.pid]);
    assert.equal(found?.kind, "traced");
    assert.match(found?.who ?? "", new RegExp(`^process ${tracer.pid} `));
    assert.deepEqual(more, []);
    const failed = await bareDump(directory.path, "bare", app.pid, {});
    assert.match(explain(failed.errors, "dump")?.cure ?? "", /TracerPid/);
    process.kill(tracer.pid, "SIGKILL");
    await tracer.ended();
  }
  assert.deepEqual(await findBlockers([app.pid]), []);
  await roundTrip(directory.path, app, {});
});

test("a unix socket is found in a network namespace of its own, and this thread comes back from there", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using server = await others.unix(directory.path);
  const holds = { holds: ["unixStream", "pair", "tun"], at: server.at };
  await using app = await startByShell("bun", directory.path, { prefix: "unshare --net setsid", holds });
  const home = readlinkSync("/proc/thread-self/ns/net");
  const found = await findBlockers([app.pid]);
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ["unix-stream"],
  );
  assert.equal(readlinkSync("/proc/thread-self/ns/net"), home);
});

/** Starts the command in namespaces of its own; its standard streams are opened inside, where CRIU can find them, and may grow. */
const inside = (directory: string, namespaces: string, before = ""): string =>
  `unshare ${namespaces} sh -c '${before} exec setsid "$@" >>${directory}/output 2>&1 </dev/null' sh`;

/** For a mount namespace: CRIU carries all that lies on its tmpfs, and fails when others change that meanwhile. */
const withoutShared = "umount -l /dev/shm /run 2>/dev/null;";

test("an app with mounts of its own is restored by default, with what is on them", { skip }, async () => {
  using directory = temporaryDirectory();
  const mount = join(directory.path, "mount");
  const before = `${withoutShared} mkdir ${mount}; mount -t tmpfs test ${mount}; echo x >${mount}/file;`;
  const holds = { attached: true, holds: ["path"], at: join(mount, "file") };
  const prefix = inside(directory.path, "--mount", before);
  await using app = await startByShell("bun", directory.path, { prefix, holds });
  assert.deepEqual(await findBlockers([app.pid]), []);
  const imagesDir = join(directory.path, "images");
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended;
  const { pid, processes } = await rpc().restore({ imagesDir });
  assert.equal(processes[0]?.outcome, "restored");
  await end(pid);
});

test("an app in a pid namespace of its own is restored by default", { skip }, async () => {
  using directory = temporaryDirectory();
  const prefix = inside(directory.path, "--pid --fork --mount-proc", withoutShared);
  await using outside = await startByShell("bun", directory.path, { prefix, holds: { attached: true } });
  const app = processTree(outside.pid)[1] as number;
  assert.deepEqual(await findBlockers([app]), []);
  const imagesDir = join(directory.path, "images");
  await rpc().dump({ pid: app, imagesDir });
  await outside.ended;
  const { pid, processes } = await rpc().restore({ imagesDir });
  assert.equal(processes[0]?.outcome, "restored");
  await end(pid);
});

test("an app that is not the init of its pid namespace is named before it is told, with what to dump instead", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const before = `${withoutShared} setsid "$@" >>${directory.path}/output 2>&1 </dev/null & wait; :`;
  const prefix = `unshare --pid --fork --mount-proc setsid sh -c 'exec >/dev/null 2>&1 </dev/null; ${before}' sh`;
  await using outside = await startByShell("bun", directory.path, { prefix, holds: { attached: true } });
  const [, init, app] = processTree(outside.pid) as [number, number, number];
  const [found, ...more] = await findBlockers([app]);
  assert.equal(found?.kind, "not-init");
  assert.match(found?.what ?? "", new RegExp(`: dump process ${init} \\(sh\\) instead$`));
  assert.deepEqual(more, []);
  const imagesDir = join(directory.path, "images");
  await assert.rejects(rpc().dump({ pid: app, imagesDir }), (error: Error) => {
    assert.ok(error instanceof DumpRefusedError, String(error));
    return error.message.includes(`dump process ${init} `);
  });
  // The advice works.
  assert.deepEqual(await findBlockers(processTree(init)), []);
  await rpc().dump({ pid: init, imagesDir: join(directory.path, "again") });
  await outside.ended;
  const { pid, processes } = await rpc().restore({ imagesDir: join(directory.path, "again") });
  assert.deepEqual(
    processes.map(({ outcome }) => outcome),
    ["restored"],
  );
  await end(pid);
});

for (const [namespace, fails] of [
  ["mount", "restore"],
  ["net", "restore"],
  ["uts", "dump"],
  ["ipc", "dump"],
  ["cgroup", "dump"],
  ["time", "dump"],
  ["user", "dump"],
] as const) {
  test(`a child with a ${namespace} namespace of its own is named, for the ${fails} would fail`, { skip }, async () => {
    using directory = temporaryDirectory();
    const child = `unshare --${namespace} sleep 60 & wait`;
    await using root = startProgram("setsid", ["sh", "-c", `exec >/dev/null 2>&1; ${child}`]);
    await waitFor("the child", () => isSleeping(processTree(root.pid)[1]));
    const tree = processTree(root.pid);
    const found = await findBlockers(tree);
    assert.deepEqual(
      found.map(({ kind, pid, blocking }) => [kind, pid, blocking]),
      [["nested-namespace", tree[1], true]],
    );
    const dumped = await bareDump(directory.path, "images", root.pid, {});
    if (fails === "dump") return assert.match(dumped.errors.join("\n"), /Can't dump nested/);
    assert.deepEqual(dumped, { ok: true, errors: [] });
    await root.ended;
    const restored = await bareRestore(directory.path, "images", {});
    assert.match(restored.errors.join("\n"), /Can't restore sub-task in NS/);
  });
}

/** Whether unshare has become what it starts. */
function isSleeping(pid: number | undefined): boolean {
  return pid !== undefined && readOrEmpty(`/proc/${pid}/comm`) === "sleep\n";
}

test("an app with nothing but a user namespace of its own is named: it could be dumped, and not restored", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const prefix = inside(directory.path, "--user --map-root-user");
  await using app = await startByShell("bun", directory.path, { prefix });
  const [found, ...more] = await findBlockers([app.pid]);
  assert.equal(found?.kind, "user-namespace");
  assert.deepEqual(more, []);
  assert.deepEqual(await bareDump(directory.path, "images", app.pid, {}), { ok: true, errors: [] });
  await app.ended;
  assert.equal((await bareRestore(directory.path, "images", {})).ok, false);
});
