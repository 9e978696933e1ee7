import assert from "node:assert/strict";
import { test } from "node:test";
import { printable } from "../../../ffi/printable.ts";

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
