import assert from "node:assert/strict";
import { test } from "node:test";
import { drain } from "#reader";
import { bytesOf, cString } from "../../../ffi/bytes.ts";
import { createClock } from "../../../ffi/clock.ts";
import { handlerCode } from "../../../ffi/handler_code.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { mapCode } from "../../../ffi/memory.ts";
import { bindCalls } from "../../support/calls.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { sleep, waitFor } from "../../support/time.ts";

const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

test("openLibc() opens libc once, and knows which runtime this is", async () => {
  const libc = await openLibc();
  assert.equal(await openLibc(), libc);
  assert.equal(libc.runtime.name, "Deno" in globalThis ? "deno" : "bun");
  assert.match(libc.runtime.version, /^\d+\.\d+\.\d+/);
  assert.equal(libc.getpid(), process.pid);
});

test("check() passes results on, and throws errno for -1 of either kind", async () => {
  const libc = await openLibc();
  assert.equal(libc.check(5, "x"), 5);
  assert.equal(libc.check(0n, "x"), 0n);
  assert.throws(() => libc.check(libc.close(-1), "close nothing"), {
    name: "SystemCallError",
    code: "EBADF",
    errno: 9,
    call: "close nothing",
    message: "Cannot close nothing: EBADF",
  });
  assert.throws(() => libc.check(libc.read(-1, new Uint8Array(1), 1), "read"), { code: "EBADF" });
});

test("a library that does not exist throws, one that exists is opened with its table", async () => {
  const { runtime, soname } = await openLibc();
  const table = { getpid: [[], "i32"], labs: [["i64"], "i64"] } as const;
  assert.throws(() => runtime.dlopen("libno.so.1", table));
  const { getpid, labs } = runtime.dlopen(soname, table);
  assert.equal(getpid(), process.pid);
  assert.equal(labs(-5), 5n);
});

test("view() shows the memory at addressOf()", async () => {
  const { runtime } = await openLibc();
  const bytes = new Uint8Array([1, 2, 3, 4]);
  const view = new Uint8Array(runtime.view(runtime.addressOf(bytes), 4));
  assert.deepEqual([...view], [1, 2, 3, 4]);
  view[2] = 9;
  assert.equal(bytes[2], 9);
  assert.equal(runtime.addressOf(bytes.subarray(1)), runtime.addressOf(bytes) + 1n);
});

test("a watched pair calls back after writes, is read empty, and leaves no descriptor", async () => {
  const libc = await openLibc();
  const before = countDescriptors(/pipe|socket/);
  const pair = new Int32Array(2);
  const made =
    libc.runtime.wakePair === "pipe2"
      ? libc.pipe2(bytesOf(pair), NONBLOCK_CLOEXEC)
      : libc.socketpair(1, 1 | NONBLOCK_CLOEXEC, 0, bytesOf(pair));
  libc.check(made, "open a pair");
  const [readFd, writeFd] = pair as unknown as [number, number];
  let wakes = 0;
  {
    using _watch = await libc.runtime.watch(readFd, () => void wakes++);
    for (let round = 0; round < 3; round++) {
      const seen = wakes;
      assert.equal(bindCalls(libc).write(writeFd, new Uint8Array(8), 8), 8n);
      await waitFor("the wake", () => wakes > seen);
      assert.equal(libc.read(readFd, new Uint8Array(8), 8), -1n);
    }
  }
  libc.close(writeFd);
  await sleep(20);
  assert.ok(countDescriptors(/pipe|socket/) <= before, "descriptors grow");
});

test("drain() hands over the bytes of a descriptor until it is disposed", async () => {
  const libc = await openLibc();
  const calls = bindCalls(libc);
  const fd = calls.eventfd(0, NONBLOCK_CLOEXEC);
  let bytes = 0;
  const drained = drain(libc, fd, (read) => {
    bytes += read.length;
  });
  for (let round = 1; round <= 3; round++) {
    calls.eventfd_write(fd, 1);
    await waitFor("the bytes", () => bytes === 8 * round);
  }
  drained[Symbol.dispose]();
  await sleep(10);
  calls.eventfd_write(fd, 1);
  await sleep(10);
  assert.equal(bytes, 24);
  libc.close(fd);
});

test("createClock() tells the time of day, with parts of a millisecond, and never backwards here", async () => {
  const now = createClock(await openLibc());
  assert.ok(Math.abs(now() - Date.now()) < 50);
  const times = Array.from({ length: 2000 }, now);
  assert.ok(times.every((time, i) => i === 0 || time >= (times[i - 1] as number)));
  assert.ok(times.some((time) => !Number.isInteger(time)));
  const before = now();
  await sleep(30);
  const took = now() - before;
  assert.ok(took >= 28 && took < 1000, `${took} ms`);
});

test("strings and arrays become the bytes that C sees", () => {
  assert.deepEqual([...cString("aü")], [97, 0xc3, 0xbc, 0]);
  const array = new Uint32Array([1, 2, 3]);
  assert.deepEqual([...bytesOf(array.subarray(1, 2))], [2, 0, 0, 0]);
  bytesOf(array)[0] = 7;
  assert.equal(array[0], 7);
});

test("handler code exists for x64 and arm64, with the address of its ring in it", () => {
  for (const arch of ["x64", "arm64"]) {
    const code = handlerCode(arch, 0x1122334455667788n) as Uint8Array;
    const other = handlerCode(arch, 0n) as Uint8Array;
    const differences = [...code.keys()].filter((i) => code[i] !== other[i]);
    assert.equal(differences.length, 8, arch);
    assert.deepEqual(
      differences.map((i) => code[i]),
      [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11],
    );
  }
  assert.equal(handlerCode("riscv64", 0n), undefined);
});

test("mapCode() makes a page that can be read and run, but not written", async () => {
  const libc = await openLibc();
  using code = mapCode(libc, new Uint8Array([1, 2, 3])) as NonNullable<ReturnType<typeof mapCode>>;
  assert.deepEqual([...new Uint8Array(code.buffer)], [1, 2, 3]);
  const { readFileSync } = await import("node:fs");
  const line = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .find((each) => each.startsWith(code.address.toString(16)));
  assert.match(line ?? "", / r-xp /);
});

test("mapCode() gives up where executable pages are forbidden, and leaves no page", async () => {
  const libc = await openLibc();
  let unmapped = 0;
  const forbidding = {
    ...libc,
    mprotect: () => -1,
    munmap: (address: bigint | number, bytes: bigint | number) => {
      unmapped++;
      return libc.munmap(address, bytes);
    },
  };
  assert.equal(mapCode(forbidding, new Uint8Array(8)), undefined);
  assert.equal(unmapped, 1);
});
