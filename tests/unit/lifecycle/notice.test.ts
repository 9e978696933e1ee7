import assert from "node:assert/strict";
import { test } from "node:test";
import { checkNotice, NoticeError } from "../../../lifecycle/notice.ts";

test("checkNotice() returns a whole notice", () => {
  const notice = {
    id: "8b3f8c0e-1f55-4f6c-9a3f-3f0b0f0b0f0b",
    sentAt: 1.5,
    deadline: 2_000_000_000_000,
    leaseMs: 5000,
    driver: { pid: 42, namespace: "pid:[4026531836]" },
  };
  assert.deepEqual(checkNotice(JSON.parse(JSON.stringify(notice))), notice);
});

test("a notice needs no more than an id, and unknown members are dropped", () => {
  assert.deepEqual(checkNotice(JSON.parse('{"id":"a","color":"red","__proto__":{"leaseMs":1}}')), { id: "a" });
});

test("an id has 1 to 36 letters, digits, dashes, underscores and dots", () => {
  for (const id of ["a", "A-z_0.9", "x".repeat(36)]) assert.equal(checkNotice({ id }).id, id);
  for (const id of [
    "",
    "x".repeat(37),
    "a b",
    "a\n",
    "\na",
    "../x",
    "a/b",
    "ü",
    "a\0",
    '"',
    5,
    null,
    {},
    ["a"],
    true,
  ]) {
    assert.throws(() => checkNotice({ id }), NoticeError, JSON.stringify(id));
  }
});

test("JSON that is no notice is refused", () => {
  for (const text of ["null", "1", '"id"', "[]", "{}", '[{"id":"a"}]', "true", '{"ID":"a"}']) {
    assert.throws(() => checkNotice(JSON.parse(text)), NoticeError, text);
  }
  for (const value of [undefined, null, 5, "text", Symbol("id"), () => {}]) {
    assert.throws(() => checkNotice(value), NoticeError, String(value));
  }
});

test("times must be finite numbers from 0", () => {
  const bad = [-1, -0.1, "5", null, true, [], {}, Number.NaN, Number.POSITIVE_INFINITY];
  for (const name of ["sentAt", "deadline", "leaseMs"]) {
    for (const value of bad) {
      assert.throws(() => checkNotice({ id: "a", [name]: value }), new RegExp(`\`${name}\``), `${name}: ${value}`);
    }
    assert.deepEqual(checkNotice({ id: "a", [name]: 0 }), { id: "a", [name]: 0 });
  }
  assert.throws(() => checkNotice(JSON.parse('{"id":"a","deadline":1e999}')), NoticeError);
});

test("a lease has at most ten minutes", () => {
  assert.equal(checkNotice({ id: "a", leaseMs: 600_000 }).leaseMs, 600_000);
  assert.throws(() => checkNotice({ id: "a", leaseMs: 600_001 }), NoticeError);
});

test("a driver that is not complete is left out", () => {
  const namespace = "pid:[1]";
  for (const driver of [
    null,
    5,
    "x",
    {},
    { pid: 1 },
    { namespace },
    { pid: "1", namespace },
    { pid: 1.5, namespace },
    { pid: 2 ** 53, namespace },
    { pid: 1, namespace: 5 },
  ]) {
    assert.deepEqual(checkNotice({ id: "a", driver }), { id: "a" }, JSON.stringify(driver));
  }
  const driver = { pid: 1, namespace, more: true };
  assert.deepEqual(checkNotice({ id: "a", driver }).driver, { pid: 1, namespace });
});

test("deeply nested JSON is refused or read, and never ends the program", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  assert.throws(() => checkNotice(JSON.parse(deep)), NoticeError);
});

test("criuOptions is a short list of short names, or the notice is refused", () => {
  const options = ["tcpClose", "cuda"];
  assert.deepEqual(checkNotice({ id: "a", criuOptions: options }).criuOptions, options);
  const hostile = { toString: 1, valueOf: 1 };
  for (const bad of [
    5,
    "tcpClose",
    { length: 1 },
    [5],
    [null],
    [hostile],
    ["x".repeat(100)],
    new Array(100).fill("x"),
  ]) {
    assert.throws(() => checkNotice({ id: "a", criuOptions: bad }), NoticeError, JSON.stringify(bad));
  }
});
