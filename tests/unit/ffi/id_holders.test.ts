/** Who has an id, when an image names more of them than there are. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { holdersOf, ownIdsAmong } from "../../../ffi/id_holders.ts";
import { highestId, startAbove } from "../../../ffi/next_pid.ts";
import { startProgram } from "../../support/child.ts";

const highest = highestId();
const impossible = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY];

test("holdersOf() finds processes and own threads, and looks up some thousands of ids only", async () => {
  await using other = startProgram("sleep", ["60"]);
  // Not one of a pool, which ends when it has nothing to do.
  const isOfPool = (id: string): boolean => /^tokio/.test(readFileSync(`/proc/self/task/${id}/comm`, "utf8"));
  const thread = Number(readdirSync("/proc/self/task").find((id) => Number(id) !== process.pid && !isOfPool(id)));
  const found = (ids: number[]): number[] => holdersOf(ids).map(({ id }) => id);
  assert.deepEqual(found([other.pid, thread]).sort(), [other.pid, thread].sort());
  assert.deepEqual(holdersOf([thread])[0]?.pid, process.pid);
  const free = Array.from({ length: 5000 }, (_, i) => highest - i).filter((id) => found([id]).length === 0);
  assert.ok(free.length > 4096);
  assert.deepEqual(found([...free, other.pid, thread]), [thread]);
});

test("ids that cannot be are skipped, and keep no other from being looked up", async () => {
  await using other = startProgram("sleep", ["60"]);
  const above = Array.from({ length: 300_000 }, (_, i) => highest + 1 + i);
  assert.deepEqual(
    holdersOf([...impossible, ...above, other.pid]).map(({ id }) => id),
    [other.pid],
  );
});

test("ownIdsAmong() tells the ids of this process from those of others", async () => {
  await using other = startProgram("sleep", ["60"]);
  assert.deepEqual(ownIdsAmong([other.pid, process.pid, ...impossible]), [process.pid]);
});

test("startAbove() takes any number of ids", () => {
  // With the last of them nothing is written.
  const ids = Array.from({ length: 300_000 }, (_, i) => i + 1);
  startAbove([...ids, ...Array.from({ length: highest - 300_000 }, (_, i) => 300_001 + i), 2 ** 31]);
});
