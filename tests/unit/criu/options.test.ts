import assert from "node:assert/strict";
import { test } from "node:test";
import { type CriuOptions, flagOf, parseArguments, passDescriptors, toArguments } from "../../../criu/options.ts";
import { toRpc } from "../../../criu/rpc/options.ts";
import { OptionsSchema } from "../../../criu/rpc/rpc_pb.ts";

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
    ...["imagesDirFd", "imagesDir", "workDirFd", "pid", "leaveRunning", "logLevel", "logFile", "logToStderr"],
    // A command that takes CRIU's place, terminals without a master, and statistics on CRIU's output.
    ...["notifyScripts", "execCmd", "orphanPtsMaster", "displayStats"],
  ];
  const fields = OptionsSchema.fields.map(({ localName }) => localName).filter((name) => !decided.includes(name));
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
