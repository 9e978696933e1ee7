import assert from "node:assert/strict";
import { test } from "node:test";
import { type Libc, openLibc } from "../../../ffi/libc.ts";
import { createPoll } from "../../../ffi/poll.ts";
import { openBell } from "../../support/bell.ts";
import { bindCalls } from "../../support/calls.ts";
import { startProgram } from "../../support/child.ts";
import { threadId } from "../../support/process_id.ts";

/** A pipe that disposal closes. */
function openPipe(libc: Libc): { read: number; write: number } & Disposable {
  const fds = new Int32Array(2);
  libc.check(libc.pipe2(new Uint8Array(fds.buffer), 0o2004000), "open a pipe");
  const [read, write] = fds as unknown as [number, number];
  return {
    read,
    write,
    [Symbol.dispose](): void {
      libc.close(read);
      if (this.write >= 0) libc.close(this.write);
    },
  };
}

test("poll tells when one of its descriptors is readable", async () => {
  const libc = await openLibc();
  using one = openPipe(libc);
  using two = openPipe(libc);
  const poll = createPoll(libc, [one.read, two.read]);
  assert.equal(poll(0), "timeout");
  for (const pipe of [two, one]) {
    bindCalls(libc).write(pipe.write, new Uint8Array([1]), 1);
    assert.equal(poll(1000), "readable");
    libc.read(pipe.read, new Uint8Array(1), 1);
    assert.equal(poll(0), "timeout");
  }
});

test("a peer that hung up counts as readable", async () => {
  const libc = await openLibc();
  using pipe = openPipe(libc);
  const poll = createPoll(libc, [pipe.read]);
  libc.close(pipe.write);
  pipe.write = -1;
  assert.equal(poll(1000), "readable");
});

test("poll waits for its time and no less, and a part of a millisecond counts as a whole", async () => {
  const libc = await openLibc();
  using pipe = openPipe(libc);
  const poll = createPoll(libc, [pipe.read]);
  const began = performance.now();
  assert.equal(poll(30), "timeout");
  const took = performance.now() - began;
  assert.ok(took >= 29 && took < 1000, `${took} ms`);
  const again = performance.now();
  assert.equal(poll(0.2), "timeout");
  assert.ok(performance.now() - again >= 0.9);
});

test("poll over no descriptor at all waits", async () => {
  const libc = await openLibc();
  const began = performance.now();
  assert.equal(createPoll(libc, [])(10), "timeout");
  assert.ok(performance.now() - began >= 9);
});

test("a signal that is handled on this thread interrupts poll", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(40);
  using pipe = openPipe(bell.libc);
  const poll = createPoll(bell.libc, [pipe.read]);
  // On a busy machine the first may come before the wait.
  await using sender = startProgram("sh", [
    "-c",
    `echo ok; for _ in 1 2 3 4 5 6 7 8; do sleep 0.2; kill -40 ${threadId()}; done`,
  ]);
  await sender.nextLine();
  const began = performance.now();
  assert.equal(poll(10_000), "interrupted");
  assert.ok(performance.now() - began < 5000);
});

test("poll ignores a descriptor below 0 and throws for what the kernel refuses", async () => {
  const libc = await openLibc();
  assert.equal(createPoll(libc, [-1])(0), "timeout");
  const refusing: Libc = { ...libc, poll: () => -1, errno: () => 22, check: libc.check };
  assert.throws(() => createPoll(refusing, [0])(0), { name: "SystemCallError" });
});
