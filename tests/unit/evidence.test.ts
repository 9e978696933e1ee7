/** Weak evidence, compared on readings that are made up: what it says, and how it is wrong. On real CRIU: tests/criu/passive.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ClockReading,
  compareClocks,
  compareMounts,
  compareNetwork,
  readClocks,
  readMounts,
  readNetwork,
} from "criu-aware/evidence";

const HOUR = 3_600_000;
const reading: ClockReading = { monotonicMs: 1000, boottimeMs: 2000, realtimeMs: 1_000_000 };
const later = (monotonicMs: number, boottimeMs: number, realtimeMs: number): ClockReading => ({
  monotonicMs: reading.monotonicMs + monotonicMs,
  boottimeMs: reading.boottimeMs + boottimeMs,
  realtimeMs: reading.realtimeMs + realtimeMs,
});

test("two readings one after the other suggest nothing", async () => {
  const clocks = compareClocks(await readClocks(), await readClocks());
  assert.deepEqual([clocks.suggestsRestore, clocks.wentBackMs], [false, 0]);
  const nothing = { suggestsRestore: false, added: [], removed: [] };
  assert.deepEqual(compareMounts(readMounts(), readMounts()), nothing);
  assert.deepEqual(compareNetwork(readNetwork(), readNetwork()), nothing);
  assert.ok(readMounts().some(({ point }) => point === "/"));
});

test("readings survive JSON, so that they can be kept", async () => {
  const all = [await readClocks(), readMounts(), readNetwork()];
  assert.deepEqual(JSON.parse(JSON.stringify(all)), all);
});

test("clocks: the time as an image is missing from the clock of the boot", () => {
  const found = compareClocks(reading, later(100, 100, HOUR + 100));
  assert.deepEqual(found, { suggestsRestore: true, missingMs: HOUR, sleptMs: 0, wentBackMs: 0 });
});

test("clocks: a machine that slept is told from a restore", () => {
  const found = compareClocks(reading, later(100, HOUR, HOUR));
  assert.deepEqual(found, { suggestsRestore: false, missingMs: 0, sleptMs: HOUR - 100, wentBackMs: 0 });
});

test("clocks: another boot whose clock is behind", () => {
  const { suggestsRestore, wentBackMs } = compareClocks(later(HOUR, HOUR, 0), later(5, 5, -HOUR + 5));
  assert.deepEqual([suggestsRestore, wentBackMs], [true, HOUR - 5]);
});

test("clocks are wrong when the time of day is set: it looks like a restore, forward and back", () => {
  for (const step of [HOUR, -HOUR])
    assert.equal(compareClocks(reading, later(50, 50, 50 + step)).suggestsRestore, true);
});

test("clocks are wrong when those of the copy were set to go on, and when it was an image for a moment", () => {
  assert.equal(compareClocks(reading, later(HOUR, HOUR, HOUR)).suggestsRestore, false);
  assert.equal(compareClocks(reading, later(50, 50, 950)).suggestsRestore, false);
  assert.equal(compareClocks(reading, later(50, 50, 950), { toleranceMs: 500 }).suggestsRestore, true);
  assert.throws(() => compareClocks(reading, reading, { toleranceMs: Number.NaN }), { name: "RangeError" });
});

test("the network: another address suggests a restore, and an address comes and goes without one", () => {
  const eth = { interface: "eth0", mac: "02:42:ac:11:00:02", address: "172.17.0.2/16" };
  const other = { ...eth, mac: "02:42:ac:11:00:03" };
  const vpn = { interface: "tun0", mac: "00:00:00:00:00:00", address: "10.8.0.2/24" };
  assert.deepEqual(compareNetwork([eth], [other]), { suggestsRestore: true, added: [other], removed: [eth] });
  assert.deepEqual(compareNetwork([eth], [eth, vpn]), { suggestsRestore: true, added: [vpn], removed: [] });
});

test("mounts: all of them anew suggest a restore, one that comes or goes does not", () => {
  const root = { id: 20, point: "/", device: "8:1" };
  const proc = { id: 21, point: "/proc", device: "0:20" };
  const disk = { id: 22, point: "/mnt", device: "8:2" };
  assert.deepEqual(
    compareMounts(
      [root, proc],
      [
        { ...root, id: 520 },
        { ...proc, id: 521 },
      ],
    ).suggestsRestore,
    true,
  );
  assert.deepEqual(compareMounts([root, proc], [root, proc, disk]), {
    suggestsRestore: false,
    added: [disk],
    removed: [],
  });
  assert.deepEqual(compareMounts([root, disk], [root]).suggestsRestore, false);
  assert.deepEqual(compareMounts([], [root]).suggestsRestore, false);
  assert.deepEqual(compareMounts([root], []).suggestsRestore, false);
});
