import assert from "node:assert/strict";
import { test } from "node:test";
import { waitFutex, wakeFutex } from "../../../ffi/futex.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { createMemfd } from "../../../ffi/shared_memory.ts";
import { startScript } from "../../support/child.ts";

test("a wait ends when its time is over", async () => {
  const libc = await openLibc();
  using memory = createMemfd(libc, "futex", 4096, { sealed: false });
  const began = performance.now();
  waitFutex(libc, memory.address, 0, 30);
  const took = performance.now() - began;
  assert.ok(took >= 25 && took < 2000, `${took} ms`);
});

test("a wait for a word that has changed already ends at once", async () => {
  const libc = await openLibc();
  using memory = createMemfd(libc, "futex", 4096, { sealed: false });
  new Int32Array(memory.buffer)[0] = -5;
  const began = performance.now();
  waitFutex(libc, memory.address, 0, 5000);
  assert.ok(performance.now() - began < 2000);
});

test("a word above 2^31 can be waited for", async () => {
  const libc = await openLibc();
  using memory = createMemfd(libc, "futex", 4096, { sealed: false });
  new Uint32Array(memory.buffer)[0] = 0xfffffffe;
  const began = performance.now();
  waitFutex(libc, memory.address, 0xfffffffe, 30);
  assert.ok(performance.now() - began >= 25);
});

test("another process that shares the memory ends the wait", async () => {
  const libc = await openLibc();
  using memory = createMemfd(libc, "futex", 4096, { sealed: false });
  await using waker = startScript("futex_waker.ts", process.pid, memory.fd);
  assert.equal(await waker.nextLine(), "ready");
  const began = performance.now();
  waitFutex(libc, memory.address, 0, 20_000);
  assert.ok(performance.now() - began < 10_000);
  assert.equal(new Int32Array(memory.buffer)[0], 1);
});

test("to wake nobody does no harm", async () => {
  const libc = await openLibc();
  using memory = createMemfd(libc, "futex", 4096, { sealed: false });
  wakeFutex(libc, memory.address);
});
