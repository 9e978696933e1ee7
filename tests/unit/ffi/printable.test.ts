import assert from "node:assert/strict";
import { test } from "node:test";
import { printable, printableJson, printableText } from "../../../ffi/printable.ts";

test("what could drive a terminal, turn text around, hide it or begin a line is shown as U+FFFD", () => {
  const harmful = ["\x1b", "\x07", "\r", "\n", "\0", "\x7f", "\x9b", "\x85", "\u202e", "\u2066", "\u200b", "\ufeff"];
  for (const character of [...harmful, "\u2028", "\u2029", "\ud800", "\u{e0041}"]) {
    assert.equal(printable(`a${character}b`), "a�b", JSON.stringify(character));
  }
  assert.equal(printable("\x1b[2J\x1b]0;title\x07"), "�[2J�]0;title�");
});

test("other text stays as it is", () => {
  for (const text of ["", "plain", "Grüße", "日本語", "👍", "a b\u00a0c"]) assert.equal(printable(text), text);
  assert.equal(printable(42), "42");
});

test("what is no text shows nothing", () => {
  for (const value of [undefined, null, {}, ["x"]]) assert.equal(printable(value), "");
});

test("long text ends in an ellipsis", () => {
  assert.equal(printable("x".repeat(2000)).length, 1025);
  assert.equal(printable("abcdef", 3), "abc…");
});

test("a whole text keeps its lines, tabs and colours, and nothing else that drives a terminal", () => {
  const ours = "\x1b[1mtitle\x1b[22m:\n\t\x1b[31mfails\x1b[39m";
  assert.equal(printableText(ours), ours);
  assert.equal(printableText("a\x1b[2J\x1b[8mb\x9b31m\r\u202e\u2028c\x1b[31;5m"), "a�[2J�[8mb�31m���c�[31;5m");
});

test("JSON is the same value, and none of its characters drives a terminal", () => {
  const value = { "\u202e": ["\x1b\x7f\x85\x9b\u2028\u2029\u2066\u200b\u{e0041}\ufeff\ud800", "Grüße 👍", 1, null] };
  const text = printableJson(JSON.stringify(value));
  assert.deepEqual(JSON.parse(text), value);
  assert.equal(printable(text), text);
  assert.match(text, /Grüße 👍/);
});
