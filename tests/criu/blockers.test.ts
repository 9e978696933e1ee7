/** Every row of the table of blockers on real CRIU: named before the dump, the dump fails as explained, and with the cure it works. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readlinkSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { type Blocker, type BlockerKind, findBlockers, kinds } from "criu-aware/blockers";
import type { CriuOptions } from "../../criu/options.ts";
import { explain } from "../../driver/failures/explain.ts";
import { processTree } from "../../ffi/process_tree.ts";
import { App } from "../support/app.ts";
import { bareDump, roundTrip, startByShell } from "../support/blocked_dump.ts";
import { type OtherName, others } from "../support/blocked_others.ts";
import { end, startProgram } from "../support/child.ts";
import { noCriu, shell } from "../support/criu.ts";
import { type RuntimeName, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

interface Case {
  readonly holds: string;
  readonly kind: BlockerKind;
  readonly runtime?: RuntimeName;
  readonly other?: OtherName;
  readonly at?: string | number;
  /** Options with which the dump and the restore work. */
  readonly cure?: CriuOptions;
  /** What of the blocker is shown. */
  readonly shows?: RegExp;
}

const cases: readonly Case[] = [
  { holds: "tcp", kind: "tcp", other: "tcp", cure: { tcpClose: true }, shows: /127\.0\.0\.1:\d+ → 127\.0\.0\.1:/ },
  { holds: "selfTcp", kind: "tcp", cure: { tcpClose: true } },
  { holds: "fetch", kind: "tcp", other: "http", cure: { tcpClose: true } },
  { holds: "fetch", kind: "tcp", other: "http", runtime: "deno", cure: { tcpClose: true } },
  { holds: "unixStream", kind: "unix-stream", other: "unix", shows: /server\.sock, process \d+ \(/ },
  {
    holds: "unixDatagram",
    kind: "unix-datagram",
    other: "datagram",
    cure: { extUnixSk: true },
    shows: /datagram\.sock/,
  },
  { holds: "vsock", kind: "socket", shows: /VSOCK/i },
  { holds: "netlinkData", kind: "netlink" },
  { holds: "flock", kind: "lock", cure: { fileLocks: true }, shows: /flock.*\/locked/ },
  { holds: "posixLock", kind: "lock", cure: { fileLocks: true }, shows: /posix/ },
  { holds: "ofdLock", kind: "lock", cure: { fileLocks: true }, shows: /ofd/ },
  { holds: "lease", kind: "lock", cure: { fileLocks: true }, shows: /lease/ },
  { holds: "sqlite", kind: "lock", cure: { fileLocks: true }, shows: /data\.sqlite/ },
  { holds: "deletedLarge", kind: "deleted", cure: { ghostLimit: 4 << 20 }, shows: /2097152 bytes.*deleted-large/ },
  { holds: "deletedMapping", kind: "deleted", cure: { ghostLimit: 4 << 20 }, shows: /deleted-mapping/ },
  { holds: "linked", kind: "unlinked", cure: { linkRemap: true }, shows: /\/linked/ },
  { holds: "fuse", kind: "device", shows: /\/dev\/fuse/ },
  { holds: "device", kind: "device", at: "/dev/loop0", shows: /\/dev\/loop0/ },
  { holds: "tun", kind: "tun" },
  { holds: "terminal", kind: "terminal", other: "terminal", shows: /\/dev\/pts\/\d+/ },
  { holds: "ioUring", kind: "io-uring" },
  { holds: "ioUringMapped", kind: "io-uring" },
  { holds: "userfaultfd", kind: "kernel", shows: /userfaultfd/ },
  { holds: "perfEvent", kind: "kernel", shows: /perf_event/ },
  { holds: "bpf", kind: "kernel", shows: /bpf/ },
  { holds: "pidfdOutside", kind: "pidfd", other: "self", shows: /process \d+ \(/ },
  { holds: "packetPipe", kind: "packet-pipe" },
  { holds: "memfdSecret", kind: "secret" },
  { holds: "sysvShm", kind: "sysv-memory" },
];

const blocking = (found: readonly Blocker[]): Blocker[] => found.filter((blocker) => blocker.blocking);

for (const { holds, kind, runtime = "bun", other, at = "", cure, shows } of cases) {
  test(`${runtime}: ${holds} (${kind}) is named, the dump fails as explained${cure ? ", and its cure works" : ""}`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using peer = other === undefined ? undefined : await others[other](directory.path);
    await using app = await App.start(runtime, { holds: [holds], at: peer?.at ?? at }, "blocked_app.ts");
    assert.equal((await app.event("attached")).fails, "");
    const tree = processTree(app.pid);

    const found = blocking(await findBlockers(tree));
    assert.deepEqual([...new Set(found.map((blocker) => blocker.kind))], [kind], JSON.stringify(found));
    const { what, who = "", pid, cure: named } = found[0] as Blocker;
    assert.equal(pid, app.pid);
    if (shows) assert.match(`${what} | ${who}`, shows);

    const failed = await bareDump(directory.path, "bare", app.pid, {});
    assert.equal(failed.ok, false, "the dump works: this is no blocker");
    const explanation = explain(failed.errors, "dump");
    assert.ok(explanation, `nothing is known of: ${failed.errors.join("\n")}`);
    const advice = kinds[kind].advice;
    if (!["deleted", "unix-datagram"].includes(kind)) {
      assert.equal(explanation.cure.toLowerCase(), `${advice}.`.toLowerCase());
    }
    await app.goesOn();

    if (!cure) return;
    assert.ok(Object.keys(cure).some((option) => (named.options as string[]).includes(option)));
    assert.deepEqual(blocking(await findBlockers(tree, { criuOptions: cure })), []);
    assert.deepEqual(blocking(await findBlockers(tree, { criuOptions: Object.keys(cure) })), []);
    await roundTrip(directory.path, app, cure);
  });
}

const harmless = [
  ["listen", "abstract", "watch", "worker", "udp", "udpConnected", "kernel", "devices", "packet"],
  ["pair", "halfPair", "memfd", "deletedSmall", "fifo", "ptyPair"],
  ["child", "piped", "pidfdInside", "ipc"],
];

/** Ends what a restored app leaves behind: its children belong to init then. */
function endAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {}
  }
}

for (const runtime of runtimes) {
  for (const holds of harmless) {
    test(`${runtime}: there is no false alarm for ${holds.join(", ")}`, { skip }, async () => {
      using directory = temporaryDirectory();
      await using app = await App.start(runtime, { holds }, "blocked_app.ts");
      assert.equal((await app.event("attached")).fails, "");
      const tree = processTree(app.pid);
      try {
        assert.deepEqual(await findBlockers(tree), []);
        await roundTrip(directory.path, app, {});
      } finally {
        endAll(tree);
      }
    });
  }

  test(`${runtime}: what is only worth knowing is a warning, and the dump works`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start(runtime, { holds: ["namedShm", "parasite"] }, "blocked_app.ts");
    try {
      const found = await findBlockers(processTree(app.pid));
      assert.deepEqual(found.map(({ kind }) => kind).sort(), ["named-memory", "parasite"]);
      assert.deepEqual(blocking(found), []);
      await roundTrip(directory.path, app, {});
    } finally {
      rmSync(`/dev/shm/criu-aware-test-${app.pid}`, { force: true });
    }
  });

  test(`${runtime}: an attached app with every strategy has no blocker`, { skip }, async () => {
    await using app = await App.start(runtime, { strategies: ["signal", "file", "socket"], children: [runtime] });
    // Until then it looks for its children as a driver does.
    await app.event("family");
    await app.goesOn();
    const tree = processTree(app.pid);
    assert.ok(tree.length > 1);
    assert.deepEqual(await findBlockers(tree), []);
    // Somebody is connected, and has not asked for anything yet: the app closes that before it is held.
    const client = connect(join(app.directory, "socket"));
    await once(client, "connect");
    await app.goesOn();
    assert.deepEqual(await findBlockers(tree), []);
    client.destroy();
    endAll(tree);
  });
}

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

test("connections that wait to be accepted are named, and with tcpSkipInFlight the app is dumped", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun", { holds: ["busyListener"] }, "blocked_app.ts");
  const { port } = await app.event("listening");
  assert.deepEqual(await findBlockers([app.pid]), []);
  const client = connect(Number(port), "127.0.0.1");
  await once(client, "connect");
  const [found, ...more] = await findBlockers([app.pid]);
  assert.equal(found?.kind, "tcp-pending");
  assert.deepEqual(more, []);
  const failed = await bareDump(directory.path, "bare", app.pid, {});
  assert.deepEqual(explain(failed.errors, "dump")?.options, ["tcpSkipInFlight"]);
  assert.deepEqual(blocking(await findBlockers([app.pid], { criuOptions: { tcpSkipInFlight: true } })), []);
  const dumped = await bareDump(directory.path, "cured", app.pid, { tcpSkipInFlight: true });
  client.destroy();
  assert.deepEqual(dumped, { ok: true, errors: [] });
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
