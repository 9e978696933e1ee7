import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { watchDirectory } from "../../../ffi/inotify.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { createPoll } from "../../../ffi/poll.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, waitFor } from "../../support/time.ts";

test("a file that is closed after writing, and one that is renamed into the directory, are told", async () => {
  const libc = await openLibc();
  using outside = temporaryDirectory();
  using directory = temporaryDirectory();
  let changes = 0;
  using _watch = watchDirectory(libc, directory.path, () => void changes++);
  writeFileSync(`${directory.path}/a`, "text");
  await waitFor("the write", () => changes > 0);
  writeFileSync(`${outside.path}/b`, "text");
  await sleep(10);
  const before = changes;
  renameSync(`${outside.path}/b`, `${directory.path}/b`);
  await waitFor("the rename", () => changes > before);
});

test("what leaves the directory, is read, or is still being written is not told", async () => {
  const libc = await openLibc();
  using directory = temporaryDirectory();
  writeFileSync(`${directory.path}/a`, "text");
  let changes = 0;
  using _watch = watchDirectory(libc, directory.path, () => void changes++);
  const fd = openSync(`${directory.path}/writing`, "w");
  closeSync(openSync(`${directory.path}/a`, "r"));
  rmSync(`${directory.path}/a`);
  mkdirSync(`${directory.path}/sub`);
  await sleep(50);
  assert.equal(changes, 0);
  closeSync(fd);
  await waitFor("the end of writing", () => changes > 0);
});

test("its descriptor is readable after a change until it is drained", async () => {
  const libc = await openLibc();
  using directory = temporaryDirectory();
  using watch = watchDirectory(libc, directory.path, () => {});
  await sleep(20);
  const poll = createPoll(libc, [watch.fd]);
  assert.equal(poll(0), "timeout");
  for (let i = 0; i < 500; i++) writeFileSync(`${directory.path}/${i}-${"x".repeat(100)}`, "");
  assert.equal(poll(1000), "readable");
  watch.drain();
  assert.equal(poll(0), "timeout");
});

test("after disposal nothing is told any more, and nothing is left open", async () => {
  const libc = await openLibc();
  using directory = temporaryDirectory();
  const before = countDescriptors(/inotify/);
  let changes = 0;
  for (let i = 0; i < 20; i++) {
    using _watch = watchDirectory(libc, directory.path, () => void changes++);
    await sleep(1);
  }
  writeFileSync(`${directory.path}/a`, "text");
  await sleep(50);
  assert.equal(changes, 0);
  // Bun reads a copy of the descriptor, and closes that when it comes to it.
  await waitFor("the descriptors", () => countDescriptors(/inotify/) <= before);
});

test("a directory that does not exist, or is none, is said, and nothing is left open", async () => {
  const libc = await openLibc();
  using directory = temporaryDirectory();
  writeFileSync(`${directory.path}/file`, "");
  const before = countDescriptors(/inotify/);
  const watch = (name: string) => () => watchDirectory(libc, `${directory.path}/${name}`, () => {});
  assert.throws(watch("missing"), { code: "ENOENT", message: /^Cannot watch the directory .*missing: ENOENT$/ });
  assert.throws(watch("file"), { code: "ENOTDIR" });
  assert.ok(countDescriptors(/inotify/) <= before, "it left a descriptor open");
});
