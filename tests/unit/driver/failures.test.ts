import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../blockers/kinds.ts";
import { causesIn } from "../../../driver/failures/consequences.ts";
import { explain } from "../../../driver/failures/explain.ts";
import { general, rows } from "../../../driver/failures/rows.ts";

/** Lines as CRIU 4.2.1 writes them, with a word of what they mean. */
const samples: Record<"dump" | "restore", readonly (readonly [line: string, meaning: RegExp])[]> = {
  dump: [
    ["inet: Connected TCP socket, consider using --tcp-established option.", /established TCP/],
    ["inet: In-flight connection (l) for 109254", /wait to be accepted/],
    ["unix: External socket is used. Consider using --ext-unix-sk option.", /outside of the tree/],
    ["unix: Can't dump half of stream unix connection. name: (null); peer name: /a", /outside of the tree/],
    ["unix: Can't dump name-less external socket.", /has no name/],
    ["unix: Dangling connection 12", /not accepted/],
    ["sockets: BUG! Unknown socket collected (family 40)", /family 40/],
    ["inet: Unsupported proto 262 for socket 12", /protocol 262/],
    ["inet: Can't dump 5 inet socket 12. Only stream, dgram and raw are supported.", /of a type/],
    ["netlink: The socket has data to read", /nobody has read/],
    ["Iptables configuration failed", /no iptables/],
    ["Some file locks are hold by dumping tasks! You can try --file-locks to dump them.", /file lock/],
    ["Can't dump ghost file /usr/bin/bun of 94371840 size, increase limit", /\/usr\/bin\/bun.*94371840/],
    ["Can't create link remap for /tmp/a b. Use link-remap option.", /^\/tmp\/a b was removed/],
    ["Can't link remap to /tmp/a: File exists", /removed file \/tmp\/a is taken/],
    ["Unaccessible path opened 1:2, need 1:3", /no longer the one/],
    ["page-xfer: Unable to spice data: No space left on device", /disk is full/],
    ["Can't lookup mount=42 for fd=5 path=/f", /Descriptor 5 \(\/f\)/],
    ["Open files on overmounted mounts are not supported yet; mount=1 fd=2 path=/f", /below another mount/],
    ["send_fds failed (-22)", /io_uring open/],
    ["Unknown shit 600 (anon_inode:[io_uring])", /io_uring mapped/],
    ["Unknown shit 100600 (/secretmem (deleted))", /secret memory/],
    ["Task 12 with SysVIPC shmem map @7fee70dee000 doesn't live in IPC ns", /System V/],
    ["Can't handle non-regular mapping on 12's map 7fee70dee000", /device mapped/],
    ["tun: Net namespace is required to dump tun link", /tunnel/],
    ["Can't dump file 5 of that type [20600] (chr 10:229)", /Descriptor 5 is the device 10:229/],
    ["Can't dump file 5 of that type [600] (anon anon_inode:[userfaultfd])", /anon_inode:\[userfaultfd\]/],
    ["Can't dump file 5 of that type [60600] (unknown /dev/loop0)", /\/dev\/loop0/],
    ["pidfd: pidfd pid 31382 is not a part of process tree..", /process 31382/],
    ["The packetized mode for pipes is not supported yet", /packet mode/],
    ["fsnotify: \tCan't dump that handle", /watches/],
    ["Dump eventpoll (pid: 12) failed with -1", /epoll/],
    ["tty: Found slave peer index 0 without correspond master peer", /terminal/],
    ["The root process 12 is not a session leader. Consider using --shell-job option", /Process 12/],
    ["A session leader of 12(1) is outside of its pid namespace", /another pid namespace/],
    ["The criu itself is within dumped tree.", /below the process/],
    ["Can't dump a pid namespace without the process init", /in another pid namespace/],
    ["Unable to detach from 999999: No such process", /process 999999/],
    ["PID 12 has uprobes vma. Consider using --allow-uprobes.", /uprobes/],
    ["Unable to freeze cgroup /a (1 x 2ms attempts, timeout: 10s)", /in time/],
    ["zombie 12 (comm a) found while seizing", /ending/],
    ["Can't get rlimit 7: Operation not permitted", /limits/],
    ["Can't get 1:16 opt: Operation not supported", /too old/],
    ["Tracking memory is not available. Consider omitting --track-mem option.", /track memory/],
  ],
  restore: [
    ["Need to set the --tcp-close options.", /was made with --tcp-close/],
    ["Can't fork for 22245: File exists", /Pid 22245 is taken/],
    ["Unable to create a thread: -17", /id of a thread of the app is taken/],
    ["Unable to restore capabilities: -1", /capabilities that none can have here/],
    ["Unable to set a monotonic clock offset: Operation not permitted", /may not set the clocks/],
    [
      "Can't link tmp/link_remap.12 -> tmp/a: No such file or directory",
      /^\/tmp\/link_remap\.12.*for \/tmp\/a, is gone/,
    ],
    ["selinux LSM specified but selinux not supported by kernel", /profile of selinux/],
    ["invalid argument none for --lsm-profile", /no LSM profile of this name: none/],
    ["can't write lsm profile -2", /cannot be set here/],
    ["uffd: connect to lazy-pages.socket failed: No such file or directory", /Nobody serves the pages/],
    ["Lazy pages are not available", /no userfaultfd/],
    ["cg: Cgroup dir memory/a doesn't exist", /^The cgroup memory\/a of the dump is not there/],
    ["cpu: No cpuinfo image", /what its CPU could do/],
    ["sfd: Can't chose service_fd_base: 0 283", /enough files/],
    ["Can't send data: No space left on device", /disk is full/],
    ["Can't create ghost regfile: Read-only file system", /deleted files/],
    ["File tmp/data has bad size 11 (expect 6)", /^\/tmp\/data had 6 bytes.*has 11/],
    ["File tmp/data has bad mode 0100600 (expect 0100644)", /0100600, not 0100644/],
    ["File usr/bin/bun has bad build-ID", /another build/],
    ["Can't open file tmp/data on restore: No such file or directory", /^\/tmp\/data is missing/],
    ["Unexpected EOF on (empty-image)", /incomplete/],
    ["Magic doesn't match for inventory.img", /incomplete/],
    ["Can't read pages data (-9)", /incomplete/],
    ["No IDS for root task.", /incomplete/],
    ["16068 killed by signal 11: Segmentation fault", /^Process 16068 died by signal 11/],
    ["cpu: CPU instruction capabilities do not match run time", /This CPU/],
    ["inet: Can't bind inet socket (id 19): Address already in use", /is taken/],
    ["Can't connect inet socket back: Network is unreachable", /cannot be restored here/],
    ["tty: No task found with sid 22997", /terminal/],
    ["Can't restore sid (12): Operation not permitted", /session/],
    ["unix: FATAL: Peer 2126196 unresolved for 2125011", /of no use/],
    ["This process tree can only be restored in a new pid namespace.", /pid namespace/],
    ["mnt: No mapping for 42:/data mountpoint", /mount/],
    ["mnt: The --root option is required to restore a mount namespace", /mount namespace/],
    ["Can't attach to 12: Operation not permitted", /traces/],
    ["Restore original /proc/self/loginuid failed", /login uid/],
    ["Unable to open timens-0.img: Permission denied", /user namespace/],
  ],
};

const both: typeof samples.dump = [
  ["Can't open dir nodir: No such file or directory", /no directory/],
  ["Unable to open directory /nowhere: No such file or directory", /no directory \/nowhere/],
  ["Can't access join-ns file /nowhere: No such file or directory", /no namespace at \/nowhere/],
  ["Can't allocate: Cannot allocate memory", /memory/],
  ["Can't create log file sub/l.log: No such file or directory", /log/],
  ["vdso: Unexpected rt vDSO area bounds", /too old/],
  ["RPC client reported script error", /hook refused/],
  ["cg: Can't make cgroup dir a/b: Permission denied", /cgroups/],
  ["net: Unable create a network namespace: Operation not permitted", /denied/],
];

for (const phase of ["dump", "restore"] as const) {
  for (const [line, meaning] of [...samples[phase], ...both]) {
    test(`${phase}: "${line.trim()}" is explained`, () => {
      const found = explain([line, "Something unknown", "Dumping FAILED."], phase);
      assert.match(found?.meaning ?? "", meaning);
      for (const sentence of [found?.meaning, found?.cure]) assert.match(sentence ?? "", /^[A-Z/].*(\.|setup)$/s);
      assert.doesNotMatch(`${found?.meaning}${found?.cure}`, /\$\d|^=/);
    });
  }
}

test("every row of the table has a line here", () => {
  const lines = { dump: samples.dump, restore: samples.restore, both };
  for (const phase of ["dump", "restore", "both"] as const) {
    const without = rows[phase].filter(([pattern]) => !lines[phase].some(([line]) => pattern.test(line)));
    assert.deepEqual(
      without.map(([pattern]) => String(pattern)),
      [],
    );
  }
  assert.ok(general.every(([pattern]) => both.some(([line]) => pattern.test(line))));
});

test("the first line decides, and what is more exact than general", () => {
  const locks = "Some file locks are hold by dumping tasks!";
  const lines = [locks, "inet: Connected TCP socket, consider using --tcp-established option."];
  assert.deepEqual(explain(lines, "dump")?.options, ["fileLocks"]);
  assert.match(explain(["Can't do something: Operation not permitted", locks], "dump")?.meaning ?? "", /was denied/);
});

test("what is only a consequence of an unknown failure explains nothing", () => {
  const unknown = "pstree: Something that nobody knows";
  const after = ["Restoring FAILED.", "cg: cgroupd: recv req error: No such file or directory"];
  assert.equal(explain([unknown, ...after], "restore"), undefined);
  assert.equal(explain([unknown, "Can't fork for 12: File exists"], "restore"), undefined);
  assert.deepEqual(causesIn([unknown, ...after, unknown]), [unknown]);
});

test("consequences before the cause do not hide it", () => {
  const lines = ["Unable to open fd=5 id=0xb", "12 exited, status=1", "File tmp/data has bad size 11 (expect 6)"];
  assert.match(explain(lines, "restore")?.meaning ?? "", /had 6 bytes/);
});

test("where there is nothing but consequences they are what there is to show", () => {
  assert.deepEqual(causesIn(["Dumping FAILED."]), ["Dumping FAILED."]);
});

test("a line of the other phase, and one that nobody knows, is not explained", () => {
  assert.equal(explain(["Can't fork for 12: File exists"], "dump"), undefined);
  assert.equal(explain(["Connected TCP socket"], "restore"), undefined);
  assert.equal(explain(["Dumping FAILED."], "dump"), undefined);
  assert.equal(explain([], "dump"), undefined);
});

test("what a blocker is cured with, its failure is cured with", () => {
  const { cure, options } = explain(["Some file locks are hold by dumping tasks!"], "dump") ?? {};
  assert.equal(options, kinds.lock.options);
  assert.equal(cure?.toLowerCase(), `${kinds.lock.advice}.`.toLowerCase());
});
