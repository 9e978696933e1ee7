/** What a restored program shows as its output, when it is hostile. */
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { OutputRelay, streamsOf } from "../../../cli/relay.ts";
import { cString } from "../../../ffi/bytes.ts";
import { type Libc, openLibc } from "../../../ffi/libc.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { noMounts, startNamed } from "../../support/named_like_memfd.ts";
import { seal, sealableMemfd, writeSeals } from "../../support/sealed_memfd.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const symbols = {
  ftruncate: [["i32", "i64"], "i32"],
  pwrite: [["i32", "buffer", "usize", "i64"], "i64"],
} as const;
const text = new TextEncoder();

/** A relay that writes to a file. */
async function openRelay(): Promise<Disposable & { libc: Libc; relay: OutputRelay; passed(): string }> {
  const libc = await openLibc();
  const directory = temporaryDirectory();
  const path = join(directory.path, "passed");
  const fd = openSync(path, "w");
  return {
    libc,
    relay: new OutputRelay(libc, { stdout: fd, stderr: fd }),
    passed: () => readFileSync(path, "utf8"),
    [Symbol.dispose]() {
      closeSync(fd);
      directory[Symbol.dispose]();
    },
  };
}

test("a stream that says it has any size is passed on as far as it was written, and ends", async () => {
  using scene = await openRelay();
  const { libc, relay } = scene;
  const { ftruncate, pwrite } = libc.runtime.dlopen(libc.soname, symbols);
  const fd = libc.check(libc.memfd_create(cString("criu-aware-stdout"), 0), "create a memfd");
  relay.adopt(process.pid);
  pwrite(fd, text.encode("one "), 4, 0);
  pwrite(fd, text.encode("two"), 3, 2 ** 40);
  pwrite(fd, text.encode("three"), 5, 2n ** 62n);
  ftruncate(fd, 2n ** 63n - 1n);
  await relay.finish();
  libc.close(fd);
  assert.equal(scene.passed().replaceAll("\0", ""), "one two");
});

test("a stream that shrinks and grows all the time is read to its end as it was when the program ended", async () => {
  using scene = await openRelay();
  const { libc, relay } = scene;
  const { ftruncate, pwrite } = libc.runtime.dlopen(libc.soname, symbols);
  const fd = libc.check(libc.memfd_create(cString("criu-aware-stderr"), 0), "create a memfd");
  relay.adopt(process.pid);
  let left = 1000;
  const busy = setInterval(() => {
    ftruncate(fd, left % 3 === 0 ? 0n : 100_000n);
    pwrite(fd, text.encode("x".repeat(70_000)), 70_000, BigInt(left-- % 5) * 1000n);
  }, 0);
  await relay.finish();
  clearInterval(busy);
  libc.close(fd);
  assert.match(scene.passed(), /^[x\0]*$/);
});

test("a stream that is sealed, so that its memory cannot be given back, is passed on once, and ends", async () => {
  using scene = await openRelay();
  const { libc, relay } = scene;
  const { pwrite } = libc.runtime.dlopen(libc.soname, symbols);
  const fd = sealableMemfd(libc, "criu-aware-stdout");
  relay.adopt(process.pid);
  pwrite(fd, text.encode("one"), 3, 0);
  seal(libc, fd, writeSeals.F_SEAL_WRITE);
  await relay.finish();
  libc.close(fd);
  assert.equal(scene.passed(), "one");
});

test("what only has the name of a stream is not opened, and keeps no other from being passed on", {
  skip: noMounts,
}, async () => {
  using scene = await openRelay();
  for (const kind of ["file", "fifo", "device"] as const) {
    await using child = await startNamed("criu-aware-stdout", kind);
    assert.ok(streamsOf(child.pid).length > 0, `${kind} is called like a stream`);
    scene.relay.adopt(child.pid);
    assert.equal(child.content(), kind === "file" ? "precious" : undefined);
  }
  await scene.relay.finish();
  assert.equal(scene.passed(), "");
});

test("of streams without number only some are read", async () => {
  using scene = await openRelay();
  const { libc, relay } = scene;
  const fds = Array.from({ length: 100 }, () =>
    libc.check(libc.memfd_create(cString("criu-aware-output"), 0), "create a memfd"),
  );
  const before = countDescriptors(/./);
  relay.adopt(process.pid);
  const more = countDescriptors(/./) - before;
  await relay.finish();
  for (const fd of fds) libc.close(fd);
  // A file and a watch each, and in Deno a pipe.
  assert.ok(more <= 16 * 4, `${more} more descriptors`);
});
