import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CriuOptions,
  checkCriuOptions,
  flagOf,
  leaveCgroups,
  parseArguments,
  passDescriptors,
  toArguments,
} from "../../../criu/options.ts";
import { requestFields } from "../../../criu/rpc/messages.ts";
import { swrkArguments, toRpc } from "../../../criu/rpc/options.ts";

const all: Required<CriuOptions> = {
  tcpEstablished: true,
  tcpClose: true,
  tcpSkipInFlight: true,
  extUnixSk: true,
  fileLocks: true,
  shellJob: true,
  ghostLimit: 4096,
  linkRemap: true,
  leaveStopped: true,
  restoreSibling: true,
  evasiveDevices: true,
  external: ["tty[1:2]", "mnt[/a]:b"],
  inheritFd: ["fd[7]:socket[99]"],
  joinNs: ["net:/proc/1/ns/net", "user:/proc/1/ns/user,0,0"],
  unprivileged: true,
  manageCgroups: "strict",
  cgroupRoot: ["cpu:/a", "/b"],
  cgroupProps: "p",
  cgroupPropsFile: "/p",
  cgroupDumpController: ["cpu"],
  cgroupYard: "/y",
  freezeCgroup: "/f",
  timeout: 20,
  lsmProfile: "apparmor:x",
  lsmMountContext: "c",
  networkLock: "skip",
  emptyNs: "net",
  root: "/r",
  skipMnt: ["/s"],
  enableFs: ["all"],
  extSharing: true,
  extMasters: true,
  mntnsCompatMode: true,
  weakSysctls: true,
  fileValidation: "filesize",
  skipFileRwxCheck: true,
  forceIrmap: true,
  irmapScanPath: ["/i"],
  cpuCap: "cpu",
  prevImagesDir: "../before",
  trackMem: true,
  autoDedup: true,
  preDumpMode: "read",
  lazyPages: true,
  pageServer: true,
  address: "127.0.0.1",
  port: 9999,
  tls: true,
  tlsCacert: "/ca",
  tlsCacrl: "/crl",
  tlsCert: "/cert",
  tlsKey: "/key",
  tlsNoCnVerify: true,
  libdir: "/plugins",
  verbosity: 4,
  config: "/etc/criu.conf",
};

test("arguments that were made of options read as the same options", () => {
  assert.deepEqual(parseArguments(toArguments(all)), all);
  assert.deepEqual(parseArguments([]), {});
});

test("a flag alone, a value after it, a repeated one and a short one are read", () => {
  const args = ["--tcp-close", "--ghost-limit", "0", "--external", "a", "--external=b", "-j"];
  assert.deepEqual(parseArguments(args), { tcpClose: true, ghostLimit: 0, external: ["a", "b"], shellJob: true });
});

test("sizes may have the suffixes that CRIU knows, and none that would become another size", () => {
  for (const [text, bytes] of [
    ["0", 0],
    ["4096", 4096],
    ["3K", 3072],
    ["10M", 10 * 2 ** 20],
    ["3G", 3 * 2 ** 30],
  ] as const) {
    assert.deepEqual(parseArguments(["--ghost-limit", text]), { ghostLimit: bytes });
  }
  for (const text of ["10MB", "M", "1.5M", "-1", "10m", "4G", "", "1e3", "0x10"]) {
    assert.throws(() => parseArguments([`--ghost-limit=${text}`]), {
      name: "UsageError",
      message: /bytes up to 4294967295/,
    });
  }
});

test("how much CRIU logs is said in each of its ways", () => {
  for (const [args, verbosity] of [
    [["-v4"], 4],
    [["-v"], 3],
    [["-vv"], 4],
    [["-v", "-v"], 4],
    [["--verbosity=1"], 1],
    [["--verbosity"], 3],
    [["-v1", "-v"], 2],
  ] as const) {
    assert.deepEqual(parseArguments(["-j", ...args, "-L", "/lib"]), { shellJob: true, verbosity, libdir: "/lib" });
  }
  assert.equal(toRpc({ verbosity: 4 }).logLevel, 4);
  assert.throws(() => parseArguments(["-v", "4"]), { name: "UsageError" });
});

test("what CRIU's RPC has no field for is an argument of its service", () => {
  assert.deepEqual(swrkArguments(all), ["--file-validation=filesize", "--libdir=/plugins"]);
  assert.deepEqual(swrkArguments({ tcpClose: true }), []);
  assert.deepEqual(swrkArguments({}, "/a b"), ["--work-dir=/a b"]);
});

test("a program's options are checked: an unknown name is a usage error that says which it might be, and so is a wrong value", () => {
  checkCriuOptions(all);
  checkCriuOptions({});
  for (const [given, message] of [
    [{ fileLock: true }, /no.* option fileLock.*Did you mean fileLocks/],
    [{ toString: true }, /option toString/],
    [{ fileLocks: "yes" }, /fileLocks must be true or false, not yes/],
    [{ ghostLimit: Number.NaN }, /ghostLimit must be a number of bytes/],
    [{ ghostLimit: 2 ** 32 }, /up to 4294967295/],
    [{ timeout: -1 }, /timeout must be a whole number, not -1/],
    [{ external: "tty[1:2]" }, /external must be a list of texts/],
    [{ fileValidation: "size" }, /one of filesize, buildid, not size/],
    [{ root: "a\0b" }, /root must be a text/],
  ] as const) {
    assert.throws(() => checkCriuOptions(given as never), { name: "UsageError", message });
  }
});

test("false and what is not given make no argument", () => {
  assert.deepEqual(toArguments({ tcpClose: false }), []);
  assert.equal(flagOf("tcpSkipInFlight"), "--skip-in-flight");
});

test("an option that CRIU does not have, or that a driver decides, a wrong word and a wrong number are usage errors", () => {
  for (const [args, message] of [
    [["--nonsense"], /Cannot use these options of CRIU: .*--nonsense/],
    [["--tree", "1"], /--tree/],
    [["--leave-running"], /--leave-running/],
    [["stray"], /stray/],
    [["--network-lock", "maybe"], /--network-lock must be one of iptables, nftables, skip, not maybe/],
    [["--timeout", "soon"], /--timeout must be a whole number, not soon/],
    [["--timeout=-1"], /--timeout must be a whole number/],
  ] as const) {
    assert.throws(
      () => parseArguments(args),
      (error: Error) => error.name === "UsageError" && message.test(error.message),
    );
  }
});

test("every field of CRIU's RPC is reached by an option, but for those that an engine decides", () => {
  const decided = [
    ...["imagesDirFd", "imagesDir", "workDirFd", "pid", "leaveRunning", "logFile", "logToStderr"],
    // A command that takes CRIU's place, terminals without a master, and statistics on CRIU's output.
    ...["notifyScripts", "execCmd", "orphanPtsMaster", "displayStats"],
  ];
  const fields = Object.keys(requestFields.opts[2]).filter((name) => !decided.includes(name));
  assert.deepEqual(Object.keys(toRpc(all)).sort(), fields.sort());
});

test("words, namespaces, cgroups and descriptors are written as CRIU's RPC wants them", () => {
  const rpc = toRpc(all);
  assert.equal(rpc.manageCgroupsMode, 5);
  assert.equal(rpc.networkLock, 3);
  assert.equal(rpc.preDumpMode, 2);
  assert.equal(rpc.cpuCap, 2);
  assert.equal(rpc.emptyNs, 0x40000000);
  assert.deepEqual(rpc.joinNs, [
    { ns: "net", nsFile: "/proc/1/ns/net" },
    { ns: "user", nsFile: "/proc/1/ns/user", extraOpt: "0,0" },
  ]);
  assert.deepEqual(rpc.cgRoot, [{ ctrl: "cpu", path: "/a" }, { path: "/b" }]);
  assert.deepEqual(rpc.inheritFd, [{ fd: 7, key: "socket[99]" }]);
  assert.deepEqual(rpc.ps, { address: "127.0.0.1", port: 9999 });
  assert.deepEqual(toRpc({}), {});
  assert.deepEqual(toRpc({ manageCgroups: "ignore", cpuCap: "none" }), { manageCgroupsMode: 0, cpuCap: 0 });
});

test("descriptors to inherit are numbered anew from the first one that CRIU gets", () => {
  const { fds, criuOptions } = passDescriptors({ inheritFd: ["fd[7]:a", "fd[12]:b[1]"], tcpClose: true }, 4);
  assert.deepEqual(fds, [7, 12]);
  assert.deepEqual(criuOptions, { inheritFd: ["fd[4]:a", "fd[5]:b[1]"], tcpClose: true });
  assert.deepEqual(passDescriptors({ tcpClose: true }, 4), { fds: [], criuOptions: { tcpClose: true } });
  assert.throws(() => passDescriptors({ inheritFd: ["7:a"] }, 4), /must be fd\[NUMBER\]:RESOURCE, not 7:a/);
});

test("cgroups are left alone, unless an option says something of them", () => {
  assert.deepEqual(leaveCgroups({ tcpClose: true }), { tcpClose: true, manageCgroups: "ignore" });
  assert.deepEqual(leaveCgroups({ freezeCgroup: "/a" }), { freezeCgroup: "/a", manageCgroups: "ignore" });
  for (const own of [{ manageCgroups: "soft" }, { cgroupRoot: ["/a"] }] as const) assert.equal(leaveCgroups(own), own);
});
