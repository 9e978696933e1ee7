import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, lchownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UntrustedPathError, walkTrusted } from "../../../ffi/trusted_path.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const NOBODY = 65534;
const skip = process.geteuid?.() === 0 ? false : "it takes root to make files of another user";

function refused(path: string, reason: RegExp): void {
  assert.throws(
    () => walkTrusted(path),
    (error) => error instanceof UntrustedPathError && reason.test(error.reason),
  );
}

test("a path of one's own is walked through its links to its end, also when the end is missing", () => {
  using directory = temporaryDirectory();
  mkdirSync(join(directory.path, "real"));
  symlinkSync("real", join(directory.path, "link"));
  const walked = walkTrusted(join(directory.path, "link"));
  assert.equal(walked.path, join(directory.path, "real"));
  assert.ok(walked.stat?.isDirectory());
  assert.deepEqual(walkTrusted(join(directory.path, "link/new/images")), {
    path: join(directory.path, "real/new/images"),
    stat: undefined,
  });
});

test("a directory on the way that others may write is refused, unless it is sticky", () => {
  using directory = temporaryDirectory();
  const open = join(directory.path, "open");
  mkdirSync(open);
  writeFileSync(join(open, "file"), "");
  for (const mode of [0o777, 0o772]) {
    chmodSync(open, mode);
    refused(join(open, "file"), /may be written by other users/);
    refused(join(open, "missing"), /may be written by other users/);
  }
  chmodSync(open, 0o1777);
  assert.ok(walkTrusted(join(open, "file")).stat);
});

test("a group may not write, either: it may have members, and an access control list shows so", { skip }, () => {
  using directory = temporaryDirectory();
  const open = join(directory.path, "open");
  mkdirSync(open);
  chmodSync(open, 0o770);
  for (const group of [NOBODY, 0]) {
    chownSync(open, 0, group);
    refused(join(open, "missing"), /may be written by other users \(mode 770\)/);
  }
});

test("what belongs to another user is refused: a directory on the way, and a link", { skip }, () => {
  using directory = temporaryDirectory();
  const theirs = join(directory.path, "theirs");
  mkdirSync(theirs);
  chownSync(theirs, NOBODY, NOBODY);
  refused(join(theirs, "images"), /belongs to another user \(uid 65534\)/);
  const link = join(directory.path, "link");
  symlinkSync("/etc", link);
  lchownSync(link, NOBODY, NOBODY);
  refused(link, /belongs to another user/);
  refused(join(link, "hostname"), /belongs to another user/);
});

test("a link with a second name is refused: anybody may have put it into a sticky directory", () => {
  using directory = temporaryDirectory();
  symlinkSync("/etc", join(directory.path, "one"));
  linkSync(join(directory.path, "one"), join(directory.path, "other"));
  refused(join(directory.path, "other"), /more than one name/);
});

test("links that lead to each other end in an error", () => {
  using directory = temporaryDirectory();
  symlinkSync("b", join(directory.path, "a"));
  symlinkSync("a", join(directory.path, "b"));
  refused(join(directory.path, "a"), /leads nowhere/);
});

test("a link of /proc is refused: it leads elsewhere than it reads", {
  skip: existsSync("/proc/self/root") ? false : "no /proc",
}, () => {
  using directory = temporaryDirectory();
  refused(`/proc/self/root${directory.path}`, /link of \/proc/);
  refused(`/proc/${process.pid}/cwd`, /link of \/proc/);
  symlinkSync("/proc/self/root/tmp", join(directory.path, "link"));
  refused(join(directory.path, "link"), /link of \/proc/);
});
