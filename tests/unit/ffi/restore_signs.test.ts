import assert from "node:assert/strict";
import { test } from "node:test";
import { startTime, timeOffsets } from "../../../ffi/process.ts";
import { isAnotherLife, restoreSigns } from "../../../ffi/restore_signs.ts";
import { startScript } from "../../support/child.ts";
import { sleep } from "../../support/time.ts";

const isRoot = process.geteuid?.() === 0;
const skip = isRoot ? timeOffsets() === "" && "this kernel has no time namespaces" : "not root";

test("the signs of a life stay the same while nobody restores", async () => {
  const before = restoreSigns();
  await sleep(20);
  assert.deepEqual(restoreSigns(), before);
  assert.equal(before.startTime, startTime("self"));
  assert.match(before.timeOffsets, /^(monotonic\s+-?\d+\s+\d+\s+boottime\s+-?\d+\s+\d+\s*)?$/);
  assert.match(before.bootId, /^[\da-f-]{36}\n$/);
  assert.equal(isAnotherLife(before), false);
});

test("each sign alone tells of another life", () => {
  const now = restoreSigns();
  for (const name of ["startTime", "timeOffsets", "bootId"] as const) {
    assert.equal(isAnotherLife({ ...now, [name]: "another" }), true, name);
    assert.equal(isAnotherLife(now, { ...now, [name]: "another" }), true, name);
  }
});

test("a time namespace that a process makes for its children is no other life of its own", { skip }, async () => {
  await using child = startScript("children_in_time.ts");
  const { offsetsChanged, another } = JSON.parse(await child.nextLine());
  assert.deepEqual([offsetsChanged, another], [true, false]);
});
