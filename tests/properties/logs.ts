import assert from "node:assert/strict";
import fc from "fast-check";
import { CriuError, type Explanation } from "../../criu/errors.ts";
import { errorsIn, printedLines } from "../../criu/log.ts";
import { runError } from "../../driver/failure.ts";
import { causesIn } from "../../driver/failures/consequences.ts";
import { explain } from "../../driver/failures/explain.ts";
import { both, samples } from "../support/failure_samples.ts";
import type { Border } from "./border.ts";
import { isSafe } from "./expect.ts";
import { text } from "./inputs.ts";

const known = [...samples.dump, ...samples.restore, ...both].map(([line]) => line);
const said = fc.oneof(
  fc.constantFrom(...known),
  fc.tuple(fc.constantFrom(...known), text()).map(([line, other]) => line.replace(/\d+|\/\S+|\S+$/, () => other)),
  fc
    .tuple(fc.constantFrom(...known), fc.nat(3000))
    .map(([line, times]) => line.replace(/\d|\S$/, (part) => part.repeat(times))),
  text(100),
);
const lines = fc.array(
  fc.oneof(
    said.map((text) => `(00.123456) Error (criu/files.c:12): ${text}`),
    said.map((text) => `(00.123456) pie: 12: Error (criu/pie/restorer.c:1): ${text}`),
    said,
    text(100),
  ),
  { maxLength: 8 },
);

/** What CRIU logs and prints, with whatever names of somebody else's in it. */
export const logs: Border = {
  name: "logs",
  runs: 1500,
  open: () =>
    fc.property(lines, fc.constantFrom("dump", "restore"), (lines, phase) => {
      const log = lines.join("\n");
      const errors = errorsIn(log);
      for (const line of errors) isSafe(line, 1024);
      const printed = printedLines(log);
      assert.ok(printed.length <= 20);
      for (const line of printed) isSafe(line, 1024);
      const causes = causesIn(errors);
      assert.equal(causes.length > 0, errors.length > 0);
      assert.ok(causes.every((line) => errors.includes(line)));
      isExplanation(explain(errors, phase));
      const error = runError(phase, "/nowhere/criu.log", { exitCode: 1, stderr: log }, `CRIU's ${phase} failed`);
      assert.ok(error instanceof CriuError && error.log.length <= 5);
      for (const line of error.message.split("\n")) isSafe(line);
    }),
};

function isExplanation(found: Explanation | undefined): void {
  if (!found) return;
  isSafe(found.meaning);
  isSafe(found.cure);
  assert.doesNotMatch(found.meaning + found.cure, /undefined/);
  assert.ok(Array.isArray(found.options));
}
