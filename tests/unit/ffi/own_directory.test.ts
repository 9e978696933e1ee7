import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeOwnDirectory } from "../../../ffi/own_directory.ts";
import { noNobody, startScriptAsNobody } from "../../support/nobody.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const NOBODY = 65534;
const skip = process.geteuid?.() === 0 ? false : "it takes root to become another user";

test("what is missing is made with its mode, and the first of it is said; what is there is left as it is", () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "a/b/c");
  assert.deepEqual(makeOwnDirectory(path, 0o700), { path, first: join(directory.path, "a") });
  assert.equal(statSync(join(directory.path, "a")).mode & 0o777, 0o700);
  assert.deepEqual(makeOwnDirectory(path, 0o755), { path, first: undefined });
  symlinkSync("a", join(directory.path, "link"));
  assert.equal(makeOwnDirectory(join(directory.path, "link/b"), 0o700).path, join(directory.path, "a/b"));
});

test("a file in its place, and a directory of another user, are refused", { skip }, () => {
  using directory = temporaryDirectory();
  writeFileSync(join(directory.path, "file"), "");
  assert.throws(() => makeOwnDirectory(join(directory.path, "file"), 0o700), /is no directory/);
  mkdirSync(join(directory.path, "theirs"));
  chownSync(join(directory.path, "theirs"), NOBODY, NOBODY);
  assert.throws(() => makeOwnDirectory(join(directory.path, "theirs"), 0o700), /belongs to another user/);
  assert.throws(() => makeOwnDirectory(join(directory.path, "theirs/new"), 0o700), /belongs to another user/);
});

test("a directory that another user makes and removes all the time is never taken for one's own", {
  skip: noNobody,
}, async () => {
  using directory = temporaryDirectory();
  chmodSync(directory.path, 0o1777);
  const path = join(directory.path, "images");
  await using flipping = startScriptAsNobody("flipping_directory.ts", path);
  await flipping.nextLine();
  const seen = { own: 0, refused: 0 };
  for (let i = 0; i < 5000; i++) {
    try {
      const { first } = makeOwnDirectory(path, 0o700);
      assert.equal(first, path);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      seen.refused++;
      continue;
    }
    assert.equal(statSync(path).uid, 0, "the directory of another user was taken for one's own");
    rmdirSync(path);
    seen.own++;
  }
  assert.ok(seen.refused > 0 && seen.own > 0, JSON.stringify(seen));
});
