/** Reading the images of a dump that was written by hand. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pagemapEntryFields, pagemapHeadFields } from "../../../images/messages/memory.ts";
import { statsFields } from "../../../images/messages/stats.ts";
import { idsFields, taskFields } from "../../../images/messages/tree.ts";
import { compareImages, ImageError, readImages } from "../../../images/mod.ts";
import { describeInetSocket } from "../../../images/sockets.ts";
import type { Content } from "../../../protobuf/fields.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { CHILD, image, message, PARENT, pages, writeImages } from "../../support/written_images.ts";

/** Reads a dump of which some files are in another form. */
function read(others: Readonly<Record<string, Uint8Array | undefined>> = {}): ReturnType<typeof readImages> {
  using directory = temporaryDirectory();
  writeImages(directory.path, others);
  return readImages(directory.path);
}

/** The error of reading such a dump: it must be of the right kind and name the file. */
function failure(file: string, content: Uint8Array | undefined): string {
  let reason = "";
  assert.throws(
    () => read({ [file]: content }),
    (error: unknown) => {
      assert.ok(error instanceof ImageError, `${file}: ${error}`);
      assert.ok(error.file.endsWith(file), `${error.file} is not ${file}`);
      reason = error.reason;
      return true;
    },
  );
  return reason;
}

test("readImages() tells the process tree, with names, threads and programs", () => {
  const { processes, format, arch, pageBytes, runId } = read();
  assert.deepEqual([format, arch, pageBytes, runId], [2, "x86_64", 4096, "run-1"]);
  assert.deepEqual(
    processes.map(({ pid, parent, name, state, threads }) => ({ pid, parent, name, state, threads })),
    [
      { pid: PARENT, parent: 0, name: "parent", state: "alive", threads: [PARENT, 110] },
      { pid: CHILD, parent: PARENT, name: "child", state: "alive", threads: [CHILD] },
    ],
  );
  assert.deepEqual(processes[0]?.executable, { path: "/opt/app", bytes: 5000, buildId: "01020304" });
});

test("readImages() tells for each process how much memory is here, in the parent image, and only mapped", () => {
  const { processes } = read();
  assert.deepEqual(processes[0]?.memory, {
    mappedBytes: 0x7000,
    imageBytes: 0x3000,
    parentBytes: 0x1000,
    lazyBytes: 0,
  });
  assert.deepEqual(processes[1]?.memory, { mappedBytes: 0x7000, imageBytes: 0x1000, parentBytes: 0, lazyBytes: 0 });
});

test("readImages() understands the pagemaps of older and of lazy dumps", () => {
  const entry = (content: Content<typeof pagemapEntryFields>): Uint8Array => message(pagemapEntryFields, content);
  const { processes } = read({
    [`pagemap-${CHILD}.img`]: image(
      "pagemap",
      message(pagemapHeadFields, { pagesId: 2 }),
      entry({ vaddr: 0x1000n, compatNrPages: 1 }),
      entry({ vaddr: 0x2000n, compatNrPages: 2, inParent: true }),
      entry({ vaddr: 0x4000n, compatNrPages: 0, nrPages: 3n, flags: 2 }),
    ),
  });
  const { imageBytes, parentBytes, lazyBytes } = processes[1]?.memory ?? {};
  assert.deepEqual([imageBytes, parentBytes, lazyBytes], [0x1000, 0x2000, 0x3000]);
});

test("readImages() reads the header of the oldest images, without the common word", () => {
  using directory = temporaryDirectory();
  writeImages(directory.path);
  const file = join(directory.path, "pstree.img");
  writeFileSync(file, readFileSync(file).subarray(4));
  assert.equal(readImages(directory.path).processes.length, 2);
});

test("readImages() says what each descriptor is", () => {
  assert.deepEqual(read().processes[0]?.descriptors, [
    { fd: 0, kind: "file", what: "/tmp/gone" },
    { fd: 3, kind: "inet socket", what: "tcp 127.0.0.1:8080 listening" },
    { fd: 4, kind: "unix socket", what: "@hidden connected" },
    { fd: 5, kind: "memfd", what: "criu-aware" },
    { fd: 6, kind: "pipe", what: undefined },
  ]);
});

test("an internet socket is described by its addresses, in both families", () => {
  const words = [0xb80d0120, 0, 0, 0x01000000];
  const dstAddr = [0, 0, 0, 0x01000000];
  const tcp = { family: 10, type: 1, state: 1, srcPort: 5000, dstPort: 443, srcAddr: words, dstAddr };
  assert.equal(describeInetSocket(tcp), "tcp [2001:db8::1]:5000 to [::1]:443 connected");
  const udp = { family: 2, type: 2, state: 7, srcPort: 53, dstPort: 0, srcAddr: [0x0200a8c0], dstAddr: [] };
  assert.equal(describeInetSocket(udp), "udp 192.168.0.2:53");
});

test("readImages() finds memfds, shared mappings and ghost files, and who has them", () => {
  const { shared, ghosts } = read();
  assert.deepEqual(shared, [
    { kind: "memfd", name: "criu-aware", id: 88, bytes: 8192, imageBytes: 4096, pids: [PARENT] },
    { kind: "anonymous", name: undefined, id: 77, bytes: 8192, imageBytes: 8192, pids: [PARENT, CHILD] },
  ]);
  assert.deepEqual(ghosts, [{ file: "ghost-file-1a.img", path: "/tmp/gone", bytes: 18 }]);
});

test("readImages() reads CRIU's statistics, and does without", () => {
  assert.deepEqual(read().dump, {
    ...{ freezingMs: 0.4, frozenMs: 12.5, memdumpMs: 6, memwriteMs: 5 },
    ...{ pagesScanned: 1222, pagesSkippedParent: 1, pagesWritten: 7, pagesLazy: 0 },
    ...{ sharedPagesScanned: 0, sharedPagesWritten: 0 },
  });
  const { dump, restore } = read({
    "stats-dump": undefined,
    "stats-restore": image(
      "stats",
      message(statsFields, {
        restore: { pagesCompared: 3n, pagesSkippedCow: 1n, forkingTime: 1500, restoreTime: 9000 },
      }),
    ),
  });
  assert.equal(dump, undefined);
  assert.deepEqual([restore?.forkingMs, restore?.restoreMs, restore?.pagesCompared], [1.5, 9, 3]);
});

test("readImages() names all files, their sum, and the images that an incremental dump is built on", () => {
  using directory = temporaryDirectory();
  const [first, second] = [join(directory.path, "first"), join(directory.path, "second")];
  for (const path of [first, second]) {
    mkdirSync(path);
    writeImages(path);
  }
  symlinkSync("../first", join(second, "parent"));
  const images = readImages(second);
  assert.equal(images.parent, first);
  assert.equal(readImages(first).parent, undefined);
  assert.equal(
    images.bytes,
    images.files.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  assert.deepEqual(images.files.map(({ name }) => name).sort(), readdirSync(first).sort());
});

test("readImages() refuses what is no finished dump", () => {
  using directory = temporaryDirectory();
  assert.throws(() => readImages(directory.path), /there is no inventory.img/);
  assert.throws(() => readImages(join(directory.path, "missing")), ImageError);
});

test("a file that is missing, foreign or of another kind is named with the reason", () => {
  assert.match(failure("pstree.img", undefined), /missing/);
  assert.match(failure(`core-${CHILD}.img`, undefined), /missing/);
  assert.match(failure("pages-1.img", undefined), /missing/);
  assert.match(failure("pstree.img", Buffer.from("#!/bin/sh\necho hello\n")), /is no pstree image/);
  assert.match(failure("pstree.img", image("core")), /is no pstree image/);
  assert.match(failure("pstree.img", image("pstree")), /names no process/);
  assert.match(failure("inventory.img", Buffer.alloc(0)), /truncated/);
  assert.match(failure("pages-1.img", pages(2)), /truncated: pagemap-100.img needs 12288 bytes/);
});

test("a process that is named twice is refused: each would be read again and again", () => {
  const task = message(taskFields, { pid: PARENT, ppid: 0, pgid: 1, sid: 1, threads: [] });
  assert.match(failure("pstree.img", image("pstree", task, task)), /twice/);
});

test("a length that is larger than the file is an error, and nothing is allocated for it", () => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(0xfffffff0);
  assert.match(failure("pstree.img", image("pstree", length)), /truncated: a message of 4294967280 bytes/);
  using directory = temporaryDirectory();
  writeImages(directory.path);
  // A hole of 3 GiB: the length fits the file, and still no message can be as large.
  length.writeUInt32LE(3 * 2 ** 30);
  const file = join(directory.path, "pstree.img");
  writeFileSync(file, image("pstree", length));
  truncateSync(file, 12 + 3 * 2 ** 30);
  assert.throws(() => readImages(directory.path), /is damaged: it holds a message of 3221225472 bytes/);
});

test("a message without a field that CRIU always writes is damaged", () => {
  // Field 1 only: a pid.
  assert.match(failure("pstree.img", image("pstree", Buffer.from([2, 0, 0, 0, 0x08, 5]))), /it lacks ppid/);
  // A core with a task that has a state, and no name.
  const core = Buffer.from([6, 0, 0, 0, 0x08, 1, 0x1a, 2, 0x08, 1]);
  assert.match(failure(`core-${PARENT}.img`, image("core", core)), /it lacks tc.comm/);
});

test("a pipe among the images is refused at once", () => {
  using directory = temporaryDirectory();
  writeImages(directory.path, { "files.img": undefined });
  execFileSync("mkfifo", [join(directory.path, "files.img")]);
  assert.throws(() => readImages(directory.path), /files.img is no regular file/);
});

test("images that are cut at any place are read, or refused with the file's name", () => {
  using whole = temporaryDirectory();
  writeImages(whole.path);
  const names = readdirSync(whole.path).filter((name) => !/^pages-|\.log$|^ghost/.test(name));
  assert.ok(names.length > 12);
  let refused = 0;
  for (const name of names) {
    const bytes = readFileSync(join(whole.path, name));
    for (let length = 0; length < bytes.length; length += 1 + (length >> 4)) {
      refused += Number(tolerant(whole.path, name, bytes.subarray(0, length)));
    }
    writeFileSync(join(whole.path, name), bytes);
  }
  assert.ok(refused > 100, `only ${refused} were refused`);
});

test("images with any byte changed are read, or refused with an ImageError", () => {
  using whole = temporaryDirectory();
  writeImages(whole.path);
  const names = readdirSync(whole.path).filter((name) => !/^pages-|\.log$/.test(name));
  let seed = 12345;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 1;
    return seed % below;
  };
  let refused = 0;
  for (let round = 0; round < 600; round++) {
    const name = names[round % names.length] as string;
    const bytes = readFileSync(join(whole.path, name));
    const changed = Buffer.from(bytes);
    for (let i = 0; i <= random(3); i++) changed[random(changed.length)] = random(256);
    refused += Number(tolerant(whole.path, name, changed));
    writeFileSync(join(whole.path, name), bytes);
  }
  assert.ok(refused > 100, `only ${refused} were refused`);
});

/** Whether a changed file is refused; any other error than ImageError fails the test. */
function tolerant(directory: string, name: string, bytes: Uint8Array): boolean {
  writeFileSync(join(directory, name), bytes);
  try {
    readImages(directory);
    return false;
  } catch (error) {
    assert.ok(error instanceof ImageError, `${name}: ${(error as Error).stack}`);
    return true;
  }
}

test("compareImages() finds nothing between a dump and itself", () => {
  assert.deepEqual(compareImages(read(), read()), []);
});

test("compareImages() tells what a second dump has more, and less", () => {
  const first = read();
  const task = (pid: number, ppid: number): Uint8Array =>
    message(taskFields, { pid, ppid, pgid: 1, sid: 1, threads: [pid] });
  const second = read({ "pstree.img": image("pstree", task(PARENT, 0)), "fdinfo-2.img": image("fdinfo") });
  const found = compareImages(first, second);
  const one = (subject: string, what: string): unknown[] => {
    const { a, b } = found.find((row) => row.subject === subject && row.what === what) ?? {};
    return [a, b];
  };
  assert.deepEqual(one("dump", "processes"), [2, 1]);
  assert.deepEqual(one("process 100 (parent)", "threads"), [2, 1]);
  assert.deepEqual(one("process 100 (parent)", "descriptors: inet socket"), [1, undefined]);
  assert.deepEqual(one("process 101 (child)", "pid"), [101, undefined]);
  assert.deepEqual(one("shared memory criu-aware", "processes"), [1, 0]);
});

test("compareImages() pairs the processes of two runs by their names", () => {
  using directory = temporaryDirectory();
  writeImages(directory.path);
  const first = readImages(directory.path);
  const second = { ...first, processes: first.processes.map((one) => ({ ...one, pid: one.pid + 1000 })) };
  assert.deepEqual(
    compareImages(first, second).map(({ subject, what, a, b }) => [subject, what, a, b]),
    [
      ["process 100 (parent)", "pid", 100, 1100],
      ["process 101 (child)", "pid", 101, 1101],
    ],
  );
});

test("compareImages() looks at each process and each shared memory some times, however many there are", () => {
  const dump = read();
  let looks = 0;
  const many = <T extends object>(one: T | undefined, prefix: string): T[] =>
    Array.from({ length: 2000 }, (_, i) =>
      Object.defineProperty({ ...(one as T) }, "name", {
        get: () => {
          looks++;
          return `${prefix}${i}`;
        },
      }),
    );
  const dumpOf = (prefix: string): ReturnType<typeof readImages> => ({
    ...dump,
    processes: many(dump.processes[0], prefix),
    shared: many(dump.shared[0], prefix),
  });
  assert.ok(compareImages(dumpOf("a"), dumpOf("b")).length > 8000);
  assert.ok(looks < 8000 * 50, `${looks} looks`);
});

test("compareImages() pairs those of one name in their order", () => {
  const dump = read();
  const named = (...pids: number[]): ReturnType<typeof readImages> => ({
    ...dump,
    processes: pids.flatMap((pid) => dump.processes.slice(0, 1).map((one) => ({ ...one, pid, name: "worker" }))),
  });
  assert.deepEqual(
    compareImages(named(1, 2, 3), named(11, 12, 2)).map(({ what, a, b }) => [what, a, b]),
    [
      ["pid", 1, 11],
      ["pid", 3, 12],
    ],
  );
});

test("a table of descriptors that processes share is read and kept once", () => {
  const { processes, shared } = read({
    [`ids-${CHILD}.img`]: image("ids", message(idsFields, { vmId: 2, filesId: 2 })),
  });
  assert.equal(processes[0]?.descriptors.length, 5);
  assert.equal(processes[0]?.descriptors, processes[1]?.descriptors);
  assert.deepEqual(shared.find(({ kind }) => kind === "memfd")?.pids, [PARENT, CHILD]);
});
