/** Every row of the table of blockers on real CRIU: named before the dump, the dump fails as explained, and with the cure it works. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { type Blocker, type BlockerKind, findBlockers, kinds } from "criu-aware/blockers";
import type { CriuOptions } from "../../criu/options.ts";
import { explain } from "../../driver/failures/explain.ts";
import { processTree } from "../../ffi/process_tree.ts";
import { App } from "../support/app.ts";
import { bareDump, blocking, roundTrip } from "../support/blocked_dump.ts";
import { type OtherName, others } from "../support/blocked_others.ts";
import { noCriu } from "../support/criu.ts";
import { type RuntimeName, runtimes } from "../support/runtimes.ts";
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
