import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { entryAt } from "../../../ffi/entries.ts";
import { openLibc } from "../../../ffi/libc.ts";
import {
  exchangeMarker as exchange,
  type FoundMarker,
  parseMarker,
  readMarker as read,
} from "../../../strategies/file/marker.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const libc = await openLibc();
const isRoot = process.getuid?.() === 0;
const readMarker = (path: string): FoundMarker | undefined => read(libc, entryAt(path));
const exchangeMarker = (path: string, content: object, isTrusted = (_uid: number) => true): FoundMarker | undefined =>
  exchange(libc, entryAt(path), content, isTrusted);

test("an empty marker is a notice that names nothing", () => {
  for (const text of ["", "\n", " \t\n"]) assert.deepEqual(parseMarker(text), { kind: "notice", notice: undefined });
});

test("each side's words are told apart by their members", () => {
  const parse = (value: object): object => parseMarker(JSON.stringify(value));
  assert.deepEqual(parse({ id: "a", leaseMs: 5 }), { kind: "notice", notice: { id: "a", leaseMs: 5 } });
  assert.deepEqual(parse({ id: "a", reply: "ready" }), { kind: "reply", id: "a", reply: { reply: "ready" } });
  assert.deepEqual(parse({ id: "a", reply: "refused", reasons: ["x", 5] }), {
    kind: "reply",
    id: "a",
    reply: { reply: "refused", reasons: ["x", "5"] },
  });
  assert.deepEqual(parse({ id: "a", reply: "refused", reasons: "x" }), {
    kind: "reply",
    id: "a",
    reply: { reply: "refused", reasons: [] },
  });
  for (const word of ["continued", "aborted", "simulated"]) {
    assert.deepEqual(parse({ id: "a", word }), { kind: "word", id: "a", word });
  }
  assert.deepEqual(parse({ id: "a", outcome: "restored" }), { kind: "outcome", id: "a", outcome: "restored" });
});

test("foreign content is unknown, not a notice", () => {
  for (const text of [
    "x",
    "checkpoint please",
    "null",
    "5",
    "[]",
    "{}",
    '"id"',
    "{",
    '{"id":5}',
    '{"id":"../x"}',
    '{"id":"a","leaseMs":-1}',
    '{"word":"none"}',
    '{"reply":"maybe"}',
    "\0\0\0",
  ]) {
    assert.equal(parseMarker(text).kind, "unknown", text);
  }
});

test("readMarker() finds content and owner, and undefined when there is no file", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  assert.equal(readMarker(path), undefined);
  writeFileSync(path, '{"id":"a"}');
  const found = readMarker(path);
  assert.deepEqual(found?.marker, { kind: "notice", notice: { id: "a" } });
  assert.equal(found?.uid, process.getuid?.());
});

test("what is no regular file with one name is unusable, and is not opened", () => {
  using directory = temporaryDirectory();
  const at = (name: string): string => `${directory.path}/${name}`;
  writeFileSync(at("real"), "");
  symlinkSync("real", at("link"));
  symlinkSync("nothing", at("dangling"));
  mkdirSync(at("sub"));
  // To open it would wait for a writer.
  execFileSync("mkfifo", [at("fifo")]);
  for (const name of ["link", "dangling", "sub", "fifo"])
    assert.equal(readMarker(at(name))?.marker.kind, "unusable", name);
  assert.equal(readMarker("/dev/null")?.marker.kind, "unusable");
  assert.equal(readMarker(at("real"))?.marker.kind, "notice");
  linkSync(at("real"), at("hard"));
  for (const name of ["real", "hard"]) assert.equal(readMarker(at(name))?.marker.kind, "unusable", name);
});

test("a marker that cannot be read is an error, and no empty one, which would be a notice", () => {
  // A regular file whose first page nobody has mapped.
  assert.throws(() => readMarker("/proc/self/mem"), { code: "EIO" });
});

test("a marker that is too long is unusable, also when it begins with blanks", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  for (const text of [JSON.stringify({ id: "a", padding: "x".repeat(20_000) }), `${" ".repeat(20_000)}{"id":"a"}`]) {
    writeFileSync(path, text);
    assert.equal(readMarker(path)?.marker.kind, "unusable");
  }
});

test("the identity of a marker outlasts a rename, and ends with what is written anew", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  writeFileSync(path, "");
  const first = readMarker(path)?.identity;
  renameSync(path, `${path}.moved`);
  assert.equal(readMarker(`${path}.moved`)?.identity, first);
  utimesSync(`${path}.moved`, 1, 2.5);
  assert.notEqual(readMarker(`${path}.moved`)?.identity, first);
});

test("exchangeMarker() returns what stood there until that moment, and undefined when nothing did", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  assert.equal(exchangeMarker(path, { id: "a", reply: "ready" }), undefined);
  assert.equal(readMarker(path)?.marker.kind, "reply");
  writeFileSync(path, '{"id":"next"}');
  const displaced = exchangeMarker(path, { id: "a", outcome: "continued" });
  assert.deepEqual(displaced?.marker, { kind: "notice", notice: { id: "next" } });
  assert.equal(displaced.uid, process.getuid?.());
  assert.equal(readMarker(path)?.marker.kind, "outcome");
  assert.deepEqual(readdirSync(directory.path), ["marker"]);
});

test("exchangeMarker() leaves one whole line that others may read, and no temporary file", () => {
  using directory = temporaryDirectory();
  // The longest name that there is leaves no room for anything beside it.
  const name = "m".repeat(255);
  const path = `${directory.path}/${name}`;
  writeFileSync(path, "x".repeat(1000));
  chmodSync(path, 0o600);
  const umask = process.umask(0o077);
  exchangeMarker(path, { id: "a", reply: "ready" });
  process.umask(umask);
  assert.equal(readFileSync(path, "utf8"), '{"id":"a","reply":"ready"}\n');
  assert.equal(statSync(path).mode & 0o777, 0o644);
  assert.deepEqual(readdirSync(directory.path), [name]);
});

test("exchangeMarker() leaves what is no marker exactly where it was, and nothing beside it", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  const victim = `${directory.path}/victim`;
  writeFileSync(victim, "precious");
  const places: Record<string, () => void> = {
    "symbolic link": () => symlinkSync("victim", path),
    "hard link": () => linkSync(victim, path),
    directory: () => mkdirSync(path),
    fifo: () => execFileSync("mkfifo", [path]),
  };
  for (const [what, make] of Object.entries(places)) {
    make();
    const { ino } = lstatSync(path);
    assert.throws(() => exchangeMarker(path, { id: "a" }), /it is not a marker file of this app or of root/, what);
    assert.equal(lstatSync(path).ino, ino, what);
    assert.equal(readFileSync(victim, "utf8"), "precious");
    assert.deepEqual(readdirSync(directory.path).sort(), ["marker", "victim"]);
    execFileSync("rm", ["-r", path]);
  }
});

test("exchangeMarker() leaves the file of a user that is not trusted", { skip: !isRoot && "not root" }, () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  writeFileSync(path, "theirs");
  chownSync(path, 12_345, 12_345);
  assert.throws(() => exchangeMarker(path, { id: "a" }, (uid) => uid === 0), /it is not a marker file/);
  assert.equal(readFileSync(path, "utf8"), "theirs");
  assert.deepEqual(readdirSync(directory.path), ["marker"]);
});
