import assert from "node:assert/strict";
import { test } from "node:test";
import { SIGIO, SIGURG, type SignalName, signalNumber } from "../../../ffi/signal_numbers.ts";

test("signalNumber() knows the signals that a notice may use, by name and by number", () => {
  const expected = { SIGHUP: 1, SIGUSR1: 10, SIGUSR2: 12, SIGURG: 23, SIGWINCH: 28, SIGIO: 29, SIGPWR: 30 } as const;
  for (const [name, number] of Object.entries(expected)) {
    assert.equal(signalNumber(name as SignalName), number);
    assert.equal(signalNumber(number), number);
  }
  assert.deepEqual([SIGURG, SIGIO], [23, 29]);
});

test("signalNumber() counts real-time signals from both ends", () => {
  assert.equal(signalNumber("SIGRTMIN"), 34);
  assert.equal(signalNumber("SIGRTMAX"), 64);
  assert.equal(signalNumber("SIGRTMIN+0"), 34);
  assert.equal(signalNumber("SIGRTMIN+1"), 35);
  assert.equal(signalNumber("SIGRTMIN+30"), 64);
  assert.equal(signalNumber("SIGRTMAX-0"), 64);
  assert.equal(signalNumber("SIGRTMAX-14"), 50);
  assert.equal(signalNumber("SIGRTMAX-30"), 34);
  for (const number of [34, 35, 50, 64]) assert.equal(signalNumber(number), number);
});

test("signalNumber() refuses names that are unknown, out of range, or not a program's to take", () => {
  const bad = [
    "SIGKILL",
    "SIGSTOP",
    "SIGSEGV",
    "SIGCHLD",
    "SIGILL",
    "SIGABRT",
    "SIGBUS",
    "SIGNOSUCH",
    "SIGRTMIN+31",
    "SIGRTMIN-1",
    "SIGRTMIN+",
    "SIGRTMIN+100",
    "SIGRTMIN+1 ",
    "SIGRTMIN+1\n",
    "SIGRTMAX-31",
    "SIGRTMAX+1",
    "SIGRTMAX-",
    "SIGurg",
    "SIG",
    "SIGRTMID",
  ] as const;
  for (const name of bad) assert.throws(() => signalNumber(name), RangeError, name);
  assert.throws(() => signalNumber("SIGKILL"), /Cannot use SIGKILL for notices: use .*SIGURG/);
});

test("signalNumber() refuses numbers that are none of these", () => {
  for (const number of [
    0,
    -1,
    4,
    5,
    6,
    7,
    8,
    9,
    11,
    17,
    19,
    31,
    32,
    33,
    65,
    1000,
    34.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ]) {
    assert.throws(() => signalNumber(number), RangeError, String(number));
  }
});
