import assert from "node:assert/strict";
import fc from "fast-check";
import { printable, printableJson, printableText } from "../../ffi/printable.ts";
import type { Border } from "./border.ts";
import { isSafe } from "./expect.ts";
import { json, text } from "./inputs.ts";

/** Lines, tabs and colours. */
const ours = "[\\n\\t]|\\x1b\\[(?:1|2|22|3[1-3]|39)m";

/** What goes out: to a terminal, and to programs. */
export const printed: Border = {
  name: "printed",
  runs: 3000,
  open: () =>
    fc.property(fc.oneof(json(), fc.anything()), text(300), fc.nat(50), (value, text, longest) => {
      isSafe(printable(value));
      isSafe(printable(text, longest), longest);
      const clean = printableText(text).replace(new RegExp(ours, "g"), "");
      isSafe(clean);
      const written = JSON.stringify(value);
      if (written === undefined) return;
      isSafe(printableJson(written));
      assert.deepEqual(JSON.parse(printableJson(written)), JSON.parse(written));
    }),
};
