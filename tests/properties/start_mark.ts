import assert from "node:assert/strict";
import fc from "fast-check";
import { parseSettings, textsIn } from "../../images/identity/settings.ts";
import { marked, markIn } from "../../images/identity/start_mark.ts";
import type { Border } from "./border.ts";
import { altered, json, jsonText, text, wholeText } from "./inputs.ts";

const words = fc.array(
  wholeText().map((text) => text.replaceAll("\0", "")),
  { maxLength: 4 },
);
const marks = fc.record({ executable: text(), command: words, cwd: text() });
const environments = fc
  .tuple(
    jsonText(fc.oneof(altered(marks), json(["executable", "command", "cwd"]))),
    fc.constantFrom("7", "8", "07", "7 ", ""),
    fc.array(text(), { maxLength: 4 }),
  )
  .map(([mark, pid, more]) => [`CRIU_AWARE_COMMAND=${mark}`, `CRIU_AWARE_PID=${pid}`, ...more].join("\0"));

/** How a program says that it was started: in its environment, which it may have written over. */
export const startMark: Border = {
  name: "start-mark",
  runs: 3000,
  open: () =>
    fc.property(fc.oneof(environments, text(200)), words, (environment, args) => {
      const found = markIn(environment, 7);
      if (found) {
        const { executable, command, cwd, ...rest } = found;
        for (const text of [executable, cwd, ...command]) assert.equal(typeof text, "string");
        assert.deepEqual(rest, {});
      }
      const command = ["/bin/sh", ...args];
      const start = marked(command, "/tmp");
      const variables = Object.entries(start?.env ?? {}).map(([name, value]) => `${name}=${value}`);
      const written = [...variables, "CRIU_AWARE_PID=7", "A=1", ""].join("\0");
      assert.deepEqual(markIn(written, 7)?.command, command);
      assert.equal(markIn(written, 8), undefined);
    }),
};

const comment = fc.constantFrom(" ", "\n", "/* ,] */", '// "x\n', "\t");

/** Files of settings, JSON with comments, of the project that a dumped program lies in. */
export const settings: Border = {
  name: "settings",
  runs: 2000,
  open: () =>
    fc.property(
      fc.oneof(jsonText(json()), text(300)),
      fc.dictionary(text(8), json()),
      comment,
      (text, value, between) => {
        const found = parseSettings(text);
        assert.equal(typeof found, "object");
        for (const inner of textsIn(found)) assert.equal(typeof inner, "string");
        // Between the lines that JSON.stringify makes there are no texts.
        const plain = JSON.parse(JSON.stringify(value));
        const written = JSON.stringify(plain, null, 1).replaceAll("\n", () => `\n${between}`);
        assert.deepEqual(parseSettings(written), plain);
      },
    ),
};
