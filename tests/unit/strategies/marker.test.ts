import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { exchangeMarker, parseMarker, readMarker, replaceMarker } from "../../../strategies/file/marker.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const libc = await openLibc();

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
  assert.equal(readMarker(libc, path), undefined);
  writeFileSync(path, '{"id":"a"}');
  const found = readMarker(libc, path);
  assert.deepEqual(found?.marker, { kind: "notice", notice: { id: "a" } });
  assert.equal(found?.uid, process.getuid?.());
});

test("readMarker() follows no symbolic link and reads no directory", () => {
  using directory = temporaryDirectory();
  writeFileSync(`${directory.path}/real`, "");
  symlinkSync("real", `${directory.path}/link`);
  mkdirSync(`${directory.path}/sub`);
  assert.notEqual(readMarker(libc, `${directory.path}/real`), undefined);
  assert.equal(readMarker(libc, `${directory.path}/link`), undefined);
  assert.equal(readMarker(libc, `${directory.path}/sub`), undefined);
});

test("a marker that cannot be read is an error, and no empty one, which would be a notice", () => {
  // A regular file whose first page nobody has mapped.
  assert.throws(() => readMarker(libc, "/proc/self/mem"), { code: "EIO" });
});

test("a marker that is too long is cut, and so is unknown", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  writeFileSync(path, JSON.stringify({ id: "a", padding: "x".repeat(20_000) }));
  assert.equal(readMarker(libc, path)?.marker.kind, "unknown");
});

test("exchangeMarker() returns what stood there until that moment, and undefined when nothing did", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  assert.equal(exchangeMarker(libc, path, { id: "a", reply: "ready" }), undefined);
  assert.equal(readMarker(libc, path)?.marker.kind, "reply");
  writeFileSync(path, '{"id":"next"}');
  const displaced = exchangeMarker(libc, path, { id: "a", outcome: "continued" });
  assert.deepEqual(displaced?.marker, { kind: "notice", notice: { id: "next" } });
  assert.equal(displaced.uid, process.getuid?.());
  assert.equal(readMarker(libc, path)?.marker.kind, "outcome");
  assert.deepEqual(readdirSync(directory.path), ["marker"]);
});

test("replaceMarker() leaves one whole line that others may read, and no temporary file", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  writeFileSync(path, "x".repeat(1000));
  chmodSync(path, 0o600);
  replaceMarker(path, { id: "a", reply: "ready" });
  assert.equal(readFileSync(path, "utf8"), '{"id":"a","reply":"ready"}\n');
  assert.equal(statSync(path).mode & 0o777, 0o644);
  assert.deepEqual(readdirSync(directory.path), ["marker"]);
});

test("replaceMarker() replaces a symbolic link and leaves alone what it points to", () => {
  using directory = temporaryDirectory();
  writeFileSync(`${directory.path}/victim`, "precious");
  symlinkSync("victim", `${directory.path}/marker`);
  replaceMarker(`${directory.path}/marker`, { id: "a" });
  assert.equal(readFileSync(`${directory.path}/victim`, "utf8"), "precious");
  assert.equal(readMarker(libc, `${directory.path}/marker`)?.marker.kind, "notice");
});
