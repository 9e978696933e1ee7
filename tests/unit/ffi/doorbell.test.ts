import assert from "node:assert/strict";
import { test } from "node:test";
import { cString } from "../../../ffi/bytes.ts";
import type { Ring } from "../../../ffi/doorbell.ts";
import { createPoll } from "../../../ffi/poll.ts";
import { isCaught } from "../../../ffi/process.ts";
import { installHandler } from "../../../ffi/signal.ts";
import { SIGURG } from "../../../ffi/signal_numbers.ts";
import { openBell } from "../../support/bell.ts";
import { forgeSignal, resetSignal } from "../../support/calls.ts";
import { runShell, startScript } from "../../support/child.ts";
import { sleep, waitFor } from "../../support/time.ts";

const SIGUSR2 = 12;
const REAL_TIME = 41;
/** Ends a process, and no runtime or program listens to it. */
const SIGSTKFLT = 16;

for (const signal of [SIGURG, SIGUSR2, REAL_TIME]) {
  test(`signal ${signal} to the own process rings, with who sent it`, async () => {
    await using bell = await openBell();
    const { libc, doorbell, heard } = bell;
    doorbell.listen(signal);
    assert.equal(doorbell.sequence, 0);
    bell.ring(signal);
    await waitFor("the ring", () => heard.length > 0);
    assert.equal(doorbell.sequence, 1);
    const [ring] = doorbell.since(0).rings as [Ring];
    assert.deepEqual([ring.signal, ring.code, ring.pid, ring.uid], [signal, 0, libc.getpid(), libc.geteuid()]);
  });
}

test("another process is recorded with its pid", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(SIGUSR2);
  const { stdout } = await runShell(`echo $$; kill -${SIGUSR2} ${process.pid}`);
  await waitFor("the ring", () => bell.heard.length > 0);
  assert.equal(bell.doorbell.since(0).rings[0]?.pid, Number(stdout));
});

test("what a signal says of its sender is recorded as it is", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(REAL_TIME);
  const sender = { code: -1, pid: 4711, uid: 0xfffffffe };
  await forgeSignal(REAL_TIME, sender);
  await waitFor("the ring", () => bell.doorbell.sequence === 1);
  assert.deepEqual(bell.doorbell.since(0).rings, [{ signal: REAL_TIME, ...sender }]);
});

test("thousands of real-time signals are all counted, and none is left without a wake", async () => {
  await using bell = await openBell();
  const { doorbell, heard } = bell;
  doorbell.listen(REAL_TIME);
  const count = 3000;
  const sent = runShell(`i=0; while [ $i -lt ${count} ]; do kill -${REAL_TIME} ${process.pid}; i=$((i+1)); done`);
  assert.equal((await sent).code, 0);
  await waitFor(`${count} rings`, () => heard.at(-1) === count);
  assert.equal(doorbell.sequence, count);
  // Another thread may still be in the handler.
  await waitFor("the last of them", () => doorbell.since(0).rings.length === 32);
  const rings = doorbell.since(0).rings;
  assert.ok(rings.every(({ signal }) => signal === REAL_TIME));
});

test("thousands of signals to itself are all counted, though nobody drains", async () => {
  await using bell = await openBell();
  const { doorbell, heard } = bell;
  doorbell.listen(REAL_TIME);
  for (let i = 0; i < 20_000; i++) bell.ring(REAL_TIME);
  await waitFor("every ring", () => heard.at(-1) === 20_000);
});

test("the last of many standard signals is never left without a wake", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(SIGUSR2);
  for (let round = 1; round <= 5; round++) {
    await runShell(`i=0; while [ $i -lt 300 ]; do kill -${SIGUSR2} ${process.pid}; i=$((i+1)); done`);
    await waitFor("the last ring", () => bell.heard.at(-1) === bell.doorbell.sequence);
    // One may have been on its way.
    await sleep(5);
    await waitFor("the very last ring", () => bell.heard.at(-1) === bell.doorbell.sequence);
    assert.ok(bell.doorbell.sequence >= round && bell.doorbell.sequence <= 300 * round);
  }
});

test("since() gives the rings after a number, and no more than the ring has slots", async () => {
  await using bell = await openBell();
  const { doorbell } = bell;
  doorbell.listen(REAL_TIME);
  doorbell.listen(SIGURG);
  const send = async (signal: number): Promise<void> => {
    const before = doorbell.sequence;
    bell.ring(signal);
    await waitFor("the ring", () => doorbell.sequence === before + 1);
  };
  await send(REAL_TIME);
  await send(SIGURG);
  assert.deepEqual(
    doorbell.since(1).rings.map(({ signal }) => signal),
    [SIGURG],
  );
  assert.deepEqual(doorbell.since(2).rings, []);
  for (let i = 2; i < 40; i++) await send(REAL_TIME);
  assert.equal(doorbell.since(0).rings.length, 32);
  assert.equal(doorbell.since(38).rings.length, 2);
  assert.deepEqual(doorbell.since(40).rings, []);
  assert.deepEqual(doorbell.since(41).rings, []);
});

test("its descriptor is readable after a ring until it is drained", async () => {
  await using bell = await openBell();
  const { libc, doorbell } = bell;
  doorbell.listen(REAL_TIME);
  const poll = createPoll(libc, [doorbell.fd]);
  assert.equal(poll(0), "timeout");
  bell.ring(REAL_TIME);
  let result = poll(2000);
  if (result === "interrupted") result = poll(2000);
  assert.equal(result, "readable");
  doorbell.drain();
  assert.equal(poll(0), "timeout");
});

test("listen() takes each signal once, and throws for one that cannot be handled", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(SIGUSR2);
  bell.doorbell.listen(SIGUSR2);
  assert.deepEqual(bell.doorbell.signals, [SIGUSR2]);
  for (const signal of [9, 19, 0, 65]) {
    assert.throws(() => bell.doorbell.listen(signal), {
      code: "EINVAL",
      message: `Cannot handle signal ${signal}: EINVAL`,
    });
  }
  assert.deepEqual(bell.doorbell.signals, [SIGUSR2]);
});

test("a signal after disposal neither ends the process nor rings", async () => {
  const bell = await openBell();
  bell.doorbell.listen(SIGSTKFLT);
  bell.doorbell.listen(REAL_TIME);
  bell.ring(SIGSTKFLT);
  await waitFor("the ring", () => bell.heard.length > 0);
  await bell[Symbol.asyncDispose]();
  const heard = bell.heard.length;
  for (const signal of [SIGSTKFLT, REAL_TIME]) bell.ring(signal);
  await sleep(20);
  assert.equal(bell.heard.length, heard);
});

test("disposal gives a signal back to whoever handled it before", async () => {
  let caught = 0;
  const listener = (): void => void caught++;
  process.on("SIGWINCH", listener);
  try {
    await sleep(20);
    {
      await using bell = await openBell();
      bell.doorbell.listen(28);
      bell.ring(28);
      await waitFor("the ring", () => bell.heard.length > 0);
      assert.equal(caught, 0);
    }
    process.kill(process.pid, "SIGWINCH");
    await waitFor("the old handler", () => caught === 1);
  } finally {
    process.off("SIGWINCH", listener);
  }
});

test("the handler outlives garbage collections", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(REAL_TIME);
  for (let round = 1; round <= 30; round++) {
    let garbage: unknown[] = [];
    for (let i = 0; i < 20_000; i++) garbage.push({ i, text: `${i}`, bytes: new Uint8Array(16) });
    garbage = [];
    (globalThis as { Bun?: { gc(full: boolean): void } }).Bun?.gc(true);
    bell.ring(REAL_TIME);
    await waitFor("the ring", () => bell.doorbell.sequence === round);
  }
});

test("a doorbell does not keep the process alive", async () => {
  await using child = startScript("idle_doorbell.ts");
  assert.equal(await child.nextLine(), "open");
  const { code } = await child.ended;
  assert.equal(code, 0);
});

test("restore() takes a signal back that nobody handles, and leaves alone what somebody else does", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(SIGURG);
  await resetSignal(SIGURG);
  assert.equal(isCaught(process.pid, SIGURG), false);
  bell.doorbell.restore();
  assert.equal(isCaught(process.pid, SIGURG), true);
  bell.ring(SIGURG);
  await waitFor("the ring", () => bell.heard.length === 1);
  // Any function of libc that does no harm.
  const other = bell.libc.dlsym(0, cString("getpid"));
  using installed = installHandler(bell.libc, SIGURG, other);
  assert.notEqual(installed.before, other);
  bell.doorbell.restore();
  using seen = installHandler(bell.libc, SIGURG, other);
  assert.equal(seen.before, other);
});
