import assert from "node:assert/strict";
import { test } from "node:test";
import { statusField } from "../../../ffi/status_field.ts";

test("a field is what stands behind its key, without blanks", () => {
  const text = "Name:\tbun\nUid:\t0\t0\t0\t0\nPPid:\t1\n";
  assert.equal(statusField(text, "Uid"), "0\t0\t0\t0");
  assert.equal(statusField(text, "PPid"), "1");
  assert.equal(statusField(text, "Pid"), undefined);
  assert.equal(statusField("", "Pid"), undefined);
});

test("the name of a process forges no field: only a newline ends a line", () => {
  for (const end of ["\r", "\u2028", "\u2029", "\v", "\f", "\x85"]) {
    const text = `Name:\tx${end}Uid:\t65534\t65534\t65534\t65534${end}\nUid:\t0\t0\t0\t0\n`;
    assert.equal(statusField(text, "Uid"), "0\t0\t0\t0", JSON.stringify(end));
  }
});
