import assert from "node:assert/strict";
import { test } from "node:test";
import { listenToOne } from "../../../ffi/doorbell.ts";
import { createPoll } from "../../../ffi/poll.ts";
import { openBell } from "../../support/bell.ts";
import { startScript } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { sleep, waitFor } from "../../support/time.ts";

/** A CPU that we have no handler for: `eventfd_write` of libc is the handler. */
const ARCH = "riscv64";
const F_DUPFD_CLOEXEC = 1030;
/** Descriptors of these numbers are free in a test runner. */
const REAL_TIME = 57;
const OTHER = 58;

test("without our own code a real-time signal rings too", async () => {
  await using bell = await openBell(ARCH);
  const { doorbell, heard, libc } = bell;
  doorbell.listen(REAL_TIME);
  doorbell.listen(REAL_TIME);
  assert.deepEqual(doorbell.signals, [REAL_TIME]);
  for (let round = 1; round <= 3; round++) {
    bell.ring(REAL_TIME);
    await waitFor("the ring", () => heard.at(-1) === round);
    assert.equal(doorbell.sequence, round);
  }
  const [ring, ...others] = doorbell.since(1).rings;
  assert.equal(others.length, 1);
  assert.deepEqual([ring?.signal, ring?.code, ring?.uid], [REAL_TIME, 0, libc.geteuid()]);
});

test("thousands of signals are all counted", async () => {
  await using bell = await openBell(ARCH);
  bell.doorbell.listen(REAL_TIME);
  let sent = 0;
  for (let burst = 0; burst < 20; burst++) {
    for (let i = 0; i < 100; i++) bell.ring(REAL_TIME);
    sent += 100;
    await waitFor("the burst", () => bell.doorbell.sequence === sent);
  }
  assert.equal(bell.doorbell.since(0).rings.length, 32);
});

test("with two signals a ring does not say which one it was", async () => {
  await using bell = await openBell(ARCH);
  bell.doorbell.listen(REAL_TIME);
  bell.doorbell.listen(OTHER);
  bell.ring(OTHER);
  await waitFor("the ring", () => bell.doorbell.sequence > 0);
  assert.deepEqual(
    bell.doorbell.since(0).rings.map(({ signal }) => signal),
    [0],
  );
});

test("drain() counts what rang while the event loop stood still", async () => {
  await using bell = await openBell(ARCH);
  const { libc, doorbell } = bell;
  doorbell.listen(REAL_TIME);
  const poll = createPoll(libc, [doorbell.fd]);
  bell.ring(REAL_TIME);
  let result = poll(2000);
  if (result === "interrupted") result = poll(2000);
  assert.equal(result, "readable");
  doorbell.drain();
  assert.equal(poll(0), "timeout");
  assert.equal(doorbell.sequence, 1);
});

test("a descriptor that is taken is said, and nothing is left open", async () => {
  await using bell = await openBell(ARCH);
  const { libc, doorbell } = bell;
  assert.equal(libc.fcntl(doorbell.fd, F_DUPFD_CLOEXEC, REAL_TIME), REAL_TIME);
  const before = countDescriptors(/pipe|socket/);
  assert.throws(() => doorbell.listen(REAL_TIME), /descriptor 57 is taken/);
  assert.ok(countDescriptors(/pipe|socket/) <= before, "it left a descriptor open");
  assert.deepEqual(doorbell.signals, []);
  libc.close(REAL_TIME);
});

test("listenToOne() takes a real-time signal where the preferred one cannot be had", async () => {
  await using bell = await openBell(ARCH);
  const { libc, doorbell } = bell;
  assert.equal(listenToOne(doorbell, OTHER), OTHER);
  assert.equal(libc.fcntl(doorbell.fd, F_DUPFD_CLOEXEC, REAL_TIME), REAL_TIME);
  const chosen = listenToOne(doorbell, REAL_TIME);
  assert.ok(chosen >= 61 && chosen <= 64, `${chosen}`);
  assert.deepEqual(doorbell.signals, [OTHER, chosen]);
  libc.close(REAL_TIME);
});

test("a late signal after disposal does not end the process, and no descriptor is left", async () => {
  const before = countDescriptors(/pipe|socket/);
  const bell = await openBell(ARCH);
  bell.doorbell.listen(REAL_TIME);
  await bell[Symbol.asyncDispose]();
  bell.ring(REAL_TIME);
  await sleep(20);
  assert.deepEqual(bell.heard, []);
  assert.ok(countDescriptors(/pipe|socket/) <= before, "descriptors grow");
});

test("it does not keep the process alive either", async () => {
  await using child = startScript("idle_doorbell.ts", ARCH, REAL_TIME);
  assert.equal(await child.nextLine(), "open");
  assert.equal((await child.ended).code, 0);
});
