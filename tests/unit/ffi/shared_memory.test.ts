import assert from "node:assert/strict";
import { existsSync, statSync, truncateSync } from "node:fs";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { createMemfd, openShared, SEALED_SIZE, sealsOf, sizeOf, unlinkShared } from "../../../ffi/shared_memory.ts";
import { bindCalls } from "../../support/calls.ts";
import { countDescriptors } from "../../support/descriptors.ts";

const name = `criu-aware-test-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
const descriptors = (): number => countDescriptors(/memfd|shm/);

test("named shared memory has mode 0600 whatever the umask, and begins with zeros", async () => {
  const libc = await openLibc();
  const old = process.umask(0);
  try {
    using memory = openShared(libc, name, 10_000);
    assert.equal(statSync(`/dev/shm/${name}`).mode & 0o777, 0o600);
    assert.equal(memory.buffer.byteLength, 10_000);
    assert.ok(new Uint8Array(memory.buffer).every((byte) => byte === 0));
  } finally {
    process.umask(old);
    unlinkShared(libc, name);
  }
});

test("named shared memory keeps content and size when it is opened again", async () => {
  const libc = await openLibc();
  {
    using memory = openShared(libc, name, 5000);
    new Uint8Array(memory.buffer).fill(7);
  }
  using again = openShared(libc, name, 100);
  assert.equal(again.buffer.byteLength, 5000);
  assert.equal(sizeOf(libc, again.fd), 5000);
  assert.ok(new Uint8Array(again.buffer).every((byte) => byte === 7));
  unlinkShared(libc, name);
});

test("two mappings of one name show each other's writes, also after the name is gone", async () => {
  const libc = await openLibc();
  using one = openShared(libc, name, 4096);
  using two = openShared(libc, name, 4096);
  unlinkShared(libc, name);
  new Uint8Array(one.buffer)[4095] = 42;
  assert.equal(new Uint8Array(two.buffer)[4095], 42);
  assert.equal(existsSync(`/dev/shm/${name}`), false);
});

test("unlinkShared() of a name that does not exist is no error", async () => {
  const libc = await openLibc();
  unlinkShared(libc, name);
  unlinkShared(libc, name);
});

test("openShared() names what it could not open, and leaves no descriptor", async () => {
  const libc = await openLibc();
  const before = descriptors();
  for (const bad of ["no/such", "x".repeat(300)]) {
    assert.throws(() => openShared(libc, bad, 4096), { name: "SystemCallError" }, bad);
  }
  assert.throws(() => openShared(libc, name, -1), { message: /^Cannot make shared memory .* -1 bytes long: EINVAL$/ });
  unlinkShared(libc, name);
  assert.ok(descriptors() <= before, "it left a descriptor open");
});

test("a sealed memfd keeps its size whoever tries", async () => {
  const libc = await openLibc();
  using memory = createMemfd(libc, "sealed", 4096, { sealed: true });
  assert.equal(sealsOf(libc, memory.fd), SEALED_SIZE);
  assert.equal(libc.ftruncate(memory.fd, 0), -1);
  assert.equal(libc.ftruncate(memory.fd, 8192), -1);
  assert.throws(() => truncateSync(`/proc/self/fd/${memory.fd}`, 0), /EPERM|not permitted/);
  assert.equal(sizeOf(libc, memory.fd), 4096);
  new Uint8Array(memory.buffer)[4095] = 1;
});

test("a memfd that is not sealed can change its size, and cannot be sealed later", async () => {
  const libc = await openLibc();
  using memory = createMemfd(libc, "open", 4096, { sealed: false });
  assert.equal(libc.ftruncate(memory.fd, 8192), 0);
  assert.equal(libc.fcntl(memory.fd, 1033, SEALED_SIZE), -1);
});

test("sealsOf() is -1 for what can have no seals", async () => {
  const libc = await openLibc();
  const fd = bindCalls(libc).eventfd(0, 0o2000000);
  assert.equal(sealsOf(libc, fd), -1);
  libc.close(fd);
});

test("many segments that are opened and disposed leave nothing behind", async () => {
  const libc = await openLibc();
  const before = descriptors();
  for (let i = 0; i < 200; i++) {
    using memory = createMemfd(libc, "many", 65_536, { sealed: i % 2 === 0 });
    new Uint8Array(memory.buffer)[0] = 1;
  }
  assert.ok(descriptors() <= before, "it left a descriptor open");
});

test("a memfd that cannot be made leaves no descriptor", async () => {
  const libc = await openLibc();
  const before = descriptors();
  assert.throws(() => createMemfd(libc, "bad", -1, { sealed: true }), { code: "EINVAL" });
  assert.throws(() => createMemfd(libc, "x".repeat(300), 4096, { sealed: true }), { code: "EINVAL" });
  assert.ok(descriptors() <= before, "it left a descriptor open");
});
