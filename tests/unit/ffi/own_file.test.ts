import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openToAppend, ownPlace, readOwnFile, replaceFile } from "../../../ffi/own_file.ts";
import { UntrustedPathError } from "../../../ffi/trusted_path.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const NOBODY = 65534;
const skip = process.geteuid?.() === 0 ? false : "it takes root to make files of another user";

test("a file is replaced whole, for its owner only, and what a link in its place leads to is not touched", () => {
  using directory = temporaryDirectory();
  const victim = join(directory.path, "victim");
  const path = join(directory.path, "file");
  writeFileSync(victim, "precious");
  symlinkSync(victim, path);
  replaceFile(path, (temporary) => writeFileSync(temporary, "new", { mode: 0o666 }));
  assert.deepEqual([readFileSync(victim, "utf8"), readFileSync(path, "utf8")], ["precious", "new"]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory.path).sort(), ["file", "victim"]);
});

test("a file that cannot be written stays as it was, and nothing is left beside it", () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "file");
  writeFileSync(path, "old");
  const fails = (): never => {
    throw new Error("the disk is full");
  };
  assert.throws(() => replaceFile(path, fails), /the disk is full/);
  assert.equal(readFileSync(path, "utf8"), "old");
  assert.deepEqual(readdirSync(directory.path), ["file"]);
});

test("a log is appended to, made for its owner only, and its mode is no matter", () => {
  using directory = temporaryDirectory();
  const log = join(directory.path, "log");
  for (const text of ["one", "two"]) {
    const fd = openToAppend(log);
    writeSync(fd, text);
    closeSync(fd);
    if (text === "one") assert.equal(statSync(log).mode & 0o777, 0o600);
    chmodSync(log, 0o666);
  }
  assert.equal(readFileSync(log, "utf8"), "onetwo");
});

test("what another user has put into a sticky directory is neither read nor written", { skip }, () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  chmodSync(path, 0o1777);
  const victim = join(path, "root.txt");
  writeFileSync(victim, "precious");
  const refused = (work: () => unknown, reason: RegExp): void =>
    void assert.throws(work, (error) => error instanceof UntrustedPathError && reason.test(error.reason));

  const link = join(path, "link");
  symlinkSync(victim, link);
  lchownSync(link, NOBODY, NOBODY);
  refused(() => openToAppend(link), /belongs to another user/);
  refused(() => readOwnFile(link), /belongs to another user/);

  const second = join(path, "second");
  linkSync(victim, second);
  refused(() => openToAppend(second), /more than one name/);

  const theirs = join(path, "theirs");
  writeFileSync(theirs, "[]");
  chownSync(theirs, NOBODY, NOBODY);
  refused(() => openToAppend(theirs), /belongs to another user/);
  refused(() => readOwnFile(theirs), /belongs to another user/);

  const place = join(path, "place");
  mkdirSync(place);
  chownSync(place, NOBODY, NOBODY);
  refused(() => ownPlace(join(place, "file")), /belongs to another user/);
  refused(() => openToAppend(join(place, "log")), /belongs to another user/);
  assert.equal(readFileSync(victim, "utf8"), "precious");
});

test("a pipe in the place of a file is no file, and nobody waits for it", { skip }, () => {
  using directory = temporaryDirectory();
  const pipe = join(directory.path, "pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  assert.throws(() => readOwnFile(pipe), /no regular file/);
});
