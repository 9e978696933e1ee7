import assert from "node:assert/strict";
import { test } from "node:test";
import { NoticeError } from "../../../lifecycle/notice.ts";
import { checkReply } from "../../../lifecycle/reply.ts";

test("checkReply() returns a reply without unknown members", () => {
  assert.deepEqual(checkReply(JSON.parse('{"reply":"ready","reasons":["x"],"more":1}')), { reply: "ready" });
  const refused = { reply: "refused", reasons: ["a: no", "b: no"] };
  assert.deepEqual(checkReply(JSON.parse(JSON.stringify({ ...refused, id: "a" }))), refused);
});

test("what is no reply is refused", () => {
  for (const text of [
    "null",
    "5",
    "[]",
    "{}",
    '"ready"',
    "true",
    '{"reply":"weird"}',
    '{"reply":["ready"]}',
    "[[[]]]",
  ]) {
    assert.throws(() => checkReply(JSON.parse(text)), NoticeError, text);
  }
  assert.throws(() => checkReply(undefined), NoticeError);
});

test("a refusal counts whatever its reasons are, and they are bounded", () => {
  const reasons = (given: unknown): readonly string[] => {
    const reply = checkReply({ reply: "refused", reasons: given });
    assert.equal(reply.reply, "refused");
    return reply.reply === "refused" ? reply.reasons : [];
  };
  for (const none of [5, null, undefined, "x", { length: 3 }, true]) assert.deepEqual(reasons(none), []);
  const unknown = "an unknown reason";
  const deep = JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`);
  assert.deepEqual(reasons([5, null, ["a"], { toString: 1 }, deep]), ["5", unknown, unknown, unknown, unknown]);
  assert.equal(reasons(new Array(100_000).fill("x")).length, 256);
  assert.equal(reasons(["x".repeat(100_000)])[0]?.length, 8192);
});
