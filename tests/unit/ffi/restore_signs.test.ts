import assert from "node:assert/strict";
import { test } from "node:test";
import { startTime } from "../../../ffi/process.ts";
import { isAnotherLife, restoreSigns } from "../../../ffi/restore_signs.ts";
import { sleep } from "../../support/time.ts";

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
  }
});
