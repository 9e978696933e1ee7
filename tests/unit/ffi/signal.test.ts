import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { blockSignalsExcept } from "../../../ffi/signal.ts";
import { openBell } from "../../support/bell.ts";
import { blockedSignal } from "../../support/blocked_signal.ts";
import { sleep, waitFor } from "../../support/time.ts";

/** The signals that this thread blocks, as the kernel has them. */
function blocked(): string {
  return /^SigBlk:\s*(\S+)$/m.exec(readFileSync("/proc/thread-self/status", "utf8"))?.[1] as string;
}

function isBlocked(signal: number): boolean {
  return ((BigInt(`0x${blocked()}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

test("blockSignalsExcept() blocks all but the open ones, the faults and what libc keeps", async () => {
  const libc = await openLibc();
  using _mask = blockSignalsExcept(libc, [23, 40, 64]);
  const open = new Set([23, 40, 64, ...[4, 5, 7, 8, 11, 31], 9, 19, 32, 33]);
  for (let signal = 1; signal <= 64; signal++) {
    if (signal !== 32 && signal !== 33) assert.equal(isBlocked(signal), !open.has(signal), `signal ${signal}`);
  }
});

test("blockSignalsExcept() without open ones blocks every signal that can be", async () => {
  const libc = await openLibc();
  using _mask = blockSignalsExcept(libc, []);
  for (const signal of [1, 2, 10, 12, 15, 23, 34, 64]) assert.ok(isBlocked(signal), `signal ${signal}`);
});

test("disposal restores the mask exactly, with what was blocked before", async () => {
  const libc = await openLibc();
  const empty = blocked();
  {
    using _one = blockedSignal(libc, 12);
    const before = blocked();
    assert.ok(isBlocked(12));
    for (const open of [[], [23], [12, 34]]) {
      const mask = blockSignalsExcept(libc, open);
      assert.ok(isBlocked(12));
      assert.notEqual(blocked(), before);
      mask[Symbol.dispose]();
      assert.equal(blocked(), before);
    }
  }
  assert.equal(blocked(), empty);
});

test("two blocks inside each other are undone one by one", async () => {
  const libc = await openLibc();
  const empty = blocked();
  const outer = blockSignalsExcept(libc, [12, 23]);
  const middle = blocked();
  const inner = blockSignalsExcept(libc, [23]);
  assert.ok(isBlocked(12));
  inner[Symbol.dispose]();
  assert.equal(blocked(), middle);
  outer[Symbol.dispose]();
  assert.equal(blocked(), empty);
});

test("a signal that came while it was blocked is delivered afterwards", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(12);
  const tgkill = process.arch === "arm64" ? 131 : 234;
  {
    using _mask = blockSignalsExcept(bell.libc, []);
    const gettid = process.arch === "arm64" ? 178 : 186;
    const thread = bell.libc.syscall(gettid, 0, 0, 0, 0, 0, 0);
    bell.libc.syscall(tgkill, bell.libc.getpid(), thread, 12, 0, 0, 0);
    assert.equal(bell.doorbell.sequence, 0);
  }
  await waitFor("the ring", () => bell.doorbell.sequence === 1);
  await sleep(1);
});
