/** A cache of Deno in a place where others may have been before. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { denoDirWithoutLocks } from "../../../driver/deno_cache.ts";
import { NOBODY, noNobody } from "../../support/nobody.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

test("a cache that another user has made, or may write in, is not used: its modules would run", {
  skip: noNobody,
}, () => {
  using directory = temporaryDirectory();
  chmodSync(directory.path, 0o1777);
  const place = join(directory.path, "criu-aware-deno-0");
  mkdirSync(place);
  for (const mode of [0o777, 0o1777, 0o775]) {
    chmodSync(place, mode);
    assert.throws(() => denoDirWithoutLocks(place), /may be written by other users/);
  }
  chmodSync(place, 0o755);
  chownSync(place, NOBODY, NOBODY);
  assert.throws(() => denoDirWithoutLocks(place), /belongs to another user/);
  assert.deepEqual(readdirSync(place), []);
  const link = join(directory.path, "criu-aware-deno-1");
  symlinkSync(place, link);
  assert.throws(() => denoDirWithoutLocks(link), /belongs to another user/);
});
