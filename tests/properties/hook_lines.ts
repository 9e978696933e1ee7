import assert from "node:assert/strict";
import fc from "fast-check";
import { readQuestions } from "../../criu/hook_channel.ts";
import type { Border } from "./border.ts";
import { damaged, text } from "./inputs.ts";

const hooks = ["pre-dump", "post-dump", "pre-restore", "post-resume"];
const good = fc.array(fc.tuple(fc.constantFrom(...hooks), fc.option(fc.integer({ min: 1, max: 2 ** 22 }))), {
  maxLength: 4,
});
const written = (questions: readonly (readonly [string, number | null])[]): Uint8Array =>
  new TextEncoder().encode(questions.map(([hook, pid]) => `${hook} ${pid ?? ""}\n`).join(""));
const bytes = fc.oneof(
  damaged(good.map(written)),
  text(200).map((text) => new TextEncoder().encode(text)),
  fc.tuple(fc.constantFrom(...hooks), text(8)).map(([hook, pid]) => new TextEncoder().encode(`${hook} ${pid}\n`)),
);

/** What the action script of the command engine asks. */
export const hookLines: Border = {
  name: "hook-lines",
  runs: 3000,
  open: () =>
    fc.property(bytes, good, fc.array(fc.nat(), { maxLength: 3 }), (bytes, questions, cuts) => {
      const isPid = (pid: number | undefined): boolean => pid === undefined || (Number.isSafeInteger(pid) && pid > 0);
      const asked: { hook: string; pid: number | undefined }[] = [];
      const read = readQuestions((hook, pid) => void asked.push({ hook, pid }));
      read(bytes);
      assert.ok(asked.every(({ hook, pid }) => hook !== "" && isPid(pid)));
      asked.length = 0;
      // In pieces it is the same.
      const again = readQuestions((hook, pid) => void asked.push({ hook, pid }));
      const whole = written(questions);
      const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].sort((a, b) => a - b);
      for (const [i, end] of places.slice(1).entries()) again(whole.subarray(places[i], end));
      assert.deepEqual(
        asked,
        questions.map(([hook, pid]) => ({ hook, pid: pid ?? undefined })),
      );
    }),
};
