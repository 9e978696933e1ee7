import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLocks } from "../../../blockers/files.ts";
import { parseMappings } from "../../../blockers/mappings.ts";
import { parseAddress, parseInet, parseNetlink } from "../../../blockers/net_tables.ts";
import { fieldOf, parseMount } from "../../../blockers/proc.ts";
import { createReport } from "../../../blockers/report.ts";
import { parseUnixSockets } from "../../../blockers/unix_diag.ts";
import { canBeOpened, watchedIn } from "../../../blockers/watches.ts";

test("parseInet() tells connected, listening and closed sockets apart, and leaves out what has no inode", () => {
  const lines = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:B043 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 1086036 2 0 100 0 0 10 0",
    "   1: 0100007F:9746 0200A8C0:01BB 01 00000000:00000000 00:00000000 00000000     0        0 1086045 2 0 22 0 0 10 -1",
    "   2: 0100007F:9747 0200A8C0:01BB 08 00000000:00000000 00:00000000 00000000     0        0 1086046 2 0 22 0 0 10 -1",
    "   3: 0100007F:9748 0200A8C0:01BB 07 00000000:00000000 00:00000000 00000000     0        0 1086047 2 0 22 0 0 10 -1",
    "   4: 0100007F:B043 0100007F:9746 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 22 0 0 10 -1",
    "cut off",
  ];
  assert.deepEqual(
    parseInet(lines).map(({ inode, state, local, remote, pending }) => [
      inode,
      state,
      parseAddress(local),
      parseAddress(remote),
      pending,
    ]),
    [
      [1086036, "listening", "127.0.0.1:45123", "0.0.0.0:0", 2],
      [1086045, "connected", "127.0.0.1:38726", "192.168.0.2:443", 0],
      [1086046, "connected", "127.0.0.1:38727", "192.168.0.2:443", 0],
      [1086047, "closed", "127.0.0.1:38728", "192.168.0.2:443", 0],
    ],
  );
  assert.deepEqual(parseInet([]), []);
});

test("parseAddress() writes IPv6 short, and IPv4 inside of it as IPv4", () => {
  assert.equal(parseAddress("00000000000000000000000000000000:1F90"), "[::]:8080");
  assert.equal(parseAddress("00000000000000000000000001000000:1F90"), "[::1]:8080");
  assert.equal(parseAddress("B80D0120000000000000000001000000:01BB"), "[2001:db8::1]:443");
  assert.equal(parseAddress("B80D0120010000000000000001000200:01BB"), "[2001:db8:0:1::2:1]:443");
  assert.equal(parseAddress("0000000000000000FFFF00000100007F:01BB"), "127.0.0.1:443");
});

test("parseNetlink() gives inode and unread bytes", () => {
  const lines = [
    "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode",
    "0000000000000000 0   1234       00000000 4352     0        0     2        0        77",
  ];
  assert.deepEqual(parseNetlink(lines), [[77, 4352]]);
});

test("parseLocks() finds every kind of lock in an fdinfo, also that of a leader who has ended", () => {
  const info = [
    "pos:\t0",
    "lock:\t1: FLOCK  ADVISORY  WRITE 0 fe:00:612 0 EOF",
    "lock:\t2: POSIX  ADVISORY  READ 5 fe:00:612 0 9",
    "lock:\t3: OFDLCK ADVISORY  READ -1 fe:00:612 0 9",
    "lock:\t4: LEASE  ACTIVE    READ 5 fe:00:612 0 EOF",
  ].join("\n");
  assert.deepEqual(parseLocks(info), ["flock", "posix", "ofd", "lease"]);
  assert.deepEqual(parseLocks("pos:\t0\nflags:\t02\n"), []);
});

test("parseMappings() keeps what has a file, with spaces in its name", () => {
  const lines = [
    "55d0c0a00000-55d0c0b00000 r-xp 00000000 fe:00 612                        /usr/bin/a b (deleted)",
    "7f0000000000-7f0000001000 rw-s 00000000 00:01 1085                       /dev/shm/x",
    "7f0000002000-7f0000003000 rw-s 00000000 00:0f 8                          anon_inode:[io_uring]",
    "7f0000004000-7f0000005000 rw-p 00000000 00:00 0 ",
    "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]",
    "",
  ];
  assert.deepEqual(parseMappings(lines), [
    { range: "55d0c0a00000-55d0c0b00000", path: "/usr/bin/a b (deleted)", isShared: false },
    { range: "7f0000000000-7f0000001000", path: "/dev/shm/x", isShared: true },
    { range: "7f0000002000-7f0000003000", path: "anon_inode:[io_uring]", isShared: true },
  ]);
});

test("parseMount() finds the type of a file system behind any number of optional fields", () => {
  const plain = "27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/root rw";
  assert.deepEqual(parseMount(plain), { id: 27, device: "254:0", point: "/", fileSystem: "ext4", options: "rw" });
  const overlay = "42 27 0:40 / /m rw - overlay overlay rw,lowerdir=/l";
  assert.deepEqual(parseMount(overlay), {
    id: 42,
    device: "0:40",
    point: "/m",
    fileSystem: "overlay",
    options: "rw,lowerdir=/l",
  });
});

test("watchedIn() reads what is watched, and how its handle is encoded", () => {
  const info =
    "pos:\t0\ninotify wd:1 ino:3 sdev:28 mask:fc6 ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:00\n" +
    "inotify wd:2 ino:1a sdev:800001 mask:2\n";
  assert.deepEqual(watchedIn(info), [
    { device: "0:40", inode: 3, handleType: 0x81 },
    { device: "8:1", inode: 26, handleType: undefined },
  ]);
  assert.deepEqual(watchedIn("pos:\t0\n"), []);
});

test("canBeOpened() knows the file systems whose handles CRIU cannot open", () => {
  const can = (fileSystem: string, handleType?: number, options = "rw"): boolean =>
    canBeOpened({ id: 1, device: "0:1", point: "/", fileSystem, options }, { device: "0:1", inode: 1, handleType });
  assert.deepEqual(
    [can("ext4", 1), can("xfs", 0x81), can("overlay", 0xf8, "rw,nfs_export=on,index=on")],
    [true, true, true],
  );
  assert.deepEqual(
    [can("proc", 0x81), can("ramfs", 0x81), can("overlay", 0xf8), can("nfs")],
    [false, false, false, false],
  );
});

test("fieldOf() reads one line, and nothing where there is none", () => {
  const text = "Name:\tTracerPid: 9\nTracerPid:\t12\n";
  assert.equal(fieldOf(text, "TracerPid"), "12");
  assert.equal(fieldOf(text, "Pid"), "");
});

/** An answer of sock_diag: message header, struct unix_diag_msg, attributes. */
function answer(
  inode: number,
  state: number,
  attributes: readonly (readonly [type: number, value: Uint8Array])[],
): Uint8Array {
  const padded = attributes.map(([type, value]) => {
    const attribute = new Uint8Array((4 + value.length + 3) & ~3);
    new DataView(attribute.buffer).setUint16(0, 4 + value.length, true);
    attribute[2] = type;
    attribute.set(value, 4);
    return attribute;
  });
  const length = 32 + padded.reduce((sum, { length }) => sum + length, 0);
  const message = new Uint8Array(length);
  const view = new DataView(message.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, 20, true);
  message.set([1, 1, state], 16);
  view.setUint32(20, inode, true);
  let at = 32;
  for (const attribute of padded) {
    message.set(attribute, at);
    at += attribute.length;
  }
  return message;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const done = Uint8Array.from([20, 0, 0, 0, 3, 0, 2, 0, ...new Array(12).fill(0)]);

test("parseUnixSockets() reads names, peers, waiting connections and the end", () => {
  const messages = [
    answer(7, 1, [
      [0, text("/run/a.sock\0")],
      [2, Uint8Array.from([9, 0, 0, 0])],
      [6, Uint8Array.from([0])],
    ]),
    answer(8, 10, [
      [0, text("\0abstract")],
      [3, Uint8Array.from([1, 0, 0, 0, 2, 0, 0, 0])],
    ]),
    answer(9, 1, [[6, Uint8Array.from([3])]]),
  ];
  const bytes = Uint8Array.from([...messages.flatMap((message) => [...message]), ...done]);
  const { sockets, end } = parseUnixSockets(bytes);
  assert.equal(end, "done");
  const common = { type: "stream", pending: [] as number[], peer: 0, name: "", isShut: false };
  assert.deepEqual(sockets, [
    { ...common, inode: 7, state: "connected", name: "/run/a.sock", peer: 9 },
    { ...common, inode: 8, state: "listening", name: "@abstract", pending: [1, 2] },
    { ...common, inode: 9, state: "connected", isShut: true },
  ]);
});

test("parseUnixSockets() ends with an error on an answer that is cut off at any byte, and never throws", () => {
  const message = answer(7, 1, [
    [0, text("/run/a.sock")],
    [2, Uint8Array.from([9, 0, 0, 0])],
  ]);
  assert.equal(parseUnixSockets(message).end, undefined);
  for (let length = 16; length < message.length; length++) {
    assert.equal(parseUnixSockets(message.slice(0, length)).end, "error", `cut at ${length}`);
  }
  // An attribute of length 0, or one that is longer than its message, does not loop.
  for (const wrong of [0, 200]) {
    const broken = message.slice();
    broken[32] = wrong;
    assert.equal(parseUnixSockets(broken).sockets[0]?.name, "");
  }
});

test("a report judges by the options, by their values, or by their names alone", () => {
  const judge = (given: Parameters<typeof createReport>[0]): boolean => {
    const report = createReport(given, []);
    report.add("deleted", { pid: 1, what: "a file", needs: { ghostLimit: (limit) => Number(limit) >= 100 } });
    return report.blockers[0]?.blocking as boolean;
  };
  assert.equal(judge({}), true);
  assert.equal(judge({ ghostLimit: 99 }), true);
  assert.equal(judge({ ghostLimit: 100 }), false);
  assert.equal(judge({ tcpClose: true }), true);
  assert.equal(judge(["ghostLimit"]), false);
  assert.equal(judge(["tcpClose"]), true);
  const off = createReport({ fileLocks: false }, []);
  off.add("lock", { pid: 1, what: "a lock" });
  assert.equal(off.blockers[0]?.blocking, true);
});

test("a report leaves out what is to be ignored, and names one thing once", () => {
  const report = createReport({}, ["tun", "/dev/nvidia", "process 9"]);
  report.add("tun", { pid: 1, what: "a tunnel" });
  report.add("gpu", { pid: 1, what: "a GPU (/dev/nvidia0)" });
  report.add("pidfd", { pid: 1, what: "a pidfd", who: "process 9 (a)" });
  for (const pid of [1, 1, 2]) report.add("lock", { pid, what: "a lock", same: "x" });
  report.add("session", { pid: 1, what: "a session", perhaps: "No blocker when …" });
  assert.deepEqual(
    report.blockers.map(({ kind, pid, blocking }) => [kind, pid, blocking]),
    [
      ["lock", 1, true],
      ["lock", 2, true],
      ["session", 1, false],
    ],
  );
  assert.match(report.blockers[2]?.cure.advice ?? "", /No blocker when …$/);
});
