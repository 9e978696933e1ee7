import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { privateDirectory } from "../../../driver/private_directory.ts";
import { NOBODY, noNobody } from "../../support/nobody.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

/** Calls `work` with this directory for temporary files. */
function withTemporary<T>(path: string, work: () => T): T {
  const { TMPDIR } = process.env;
  process.env.TMPDIR = path;
  try {
    return work();
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
}

test("a private directory is made where nobody can put another one in its place, and nothing is made elsewhere", {
  skip: noNobody,
}, () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  chmodSync(path, 0o777);
  assert.throws(() => withTemporary(path, privateDirectory), /may be written by other users/);
  chownSync(path, NOBODY, NOBODY);
  chmodSync(path, 0o755);
  assert.throws(() => withTemporary(path, privateDirectory), /belongs to another user/);
  assert.deepEqual(readdirSync(path), []);
  chownSync(path, 0, 0);
  chmodSync(path, 0o1777);
  {
    using made = withTemporary(path, privateDirectory);
    assert.ok(made.path.startsWith(join(path, "criu-aware-")));
    assert.ok(existsSync(made.path));
  }
  assert.deepEqual(readdirSync(path), []);
});
