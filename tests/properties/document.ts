import assert from "node:assert/strict";
import fc from "fast-check";
import { openLibc } from "../../ffi/libc.ts";
import { type PageDocument, readDocument, writeDocument } from "../../page/document.ts";
import { Fields } from "../../page/fields.ts";
import { PAGE_BYTES } from "../../page/layout.ts";
import type { Border } from "./border.ts";
import { isSafe, isSafeThroughout } from "./expect.ts";
import { altered, json, jsonText, plainText } from "./inputs.ts";

const time = fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 });
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

/** What an agent may say of itself. */
const documents: fc.Arbitrary<PageDocument> = fc.record({
  runtime: fc.record({ name: plainText(), version: plainText(), startedAt: time }),
  strategies: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("signal"), signal: fc.nat(64) }),
      fc.record({ kind: plainText(), path: plainText(60) }),
    ),
    { maxLength: 4 },
  ),
  resources: fc.array(plainText(), { maxLength: 5 }),
  launch: maybe(fc.record({ args: fc.nat() })),
  envGate: fc.array(plainText(), { minLength: 1, maxLength: 4 }),
  lastRound: maybe(
    fc.record({
      id: plainText(36),
      noticedAt: time,
      sentAt: time,
      readyAt: time,
      outcome: fc.constantFrom("restored", "continued", "aborted"),
      simulated: fc.boolean(),
      errors: fc.array(fc.record({ resource: plainText(), message: plainText() }), { maxLength: 3 }),
    }),
  ),
});

const names = [
  "runtime",
  "strategies",
  "resources",
  "launch",
  "envGate",
  "lastRound",
  "kind",
  "path",
  "errors",
  "args",
];

/** What an agent says of itself, in JSON on its page. */
export const document: Border = {
  name: "document",
  runs: 3000,
  async open() {
    const fields = new Fields(await openLibc(), { address: 0n, buffer: new ArrayBuffer(PAGE_BYTES) });
    const given = fc.oneof(
      fc.record({ text: jsonText(fc.oneof(altered(documents), json(names))) }),
      fc.record({ document: documents }),
    );
    return fc.property(given, (given) => {
      if ("document" in given) {
        writeDocument(fields, given.document);
        // As JSON has it: -0 is 0, and what is undefined is not there.
        const { launch, lastRound, ...rest } = JSON.parse(JSON.stringify(given.document));
        assert.deepEqual(readDocument(fields), { ...rest, ...(launch ? { launch } : {}), lastRound });
      } else {
        fields.setText("document", given.text);
        isDocument(fields);
      }
    });
  },
};

/** Reads the document of a page: whatever it is, it is none, or one that fits. */
export function isDocument(fields: Fields): void {
  const found = readDocument(fields);
  if (!found) return;
  isSafeThroughout(found);
  const { runtime, strategies, resources, launch, envGate = [], lastRound } = found;
  isSafe(runtime.name, 64);
  isSafe(runtime.version, 64);
  assert.ok(strategies.length <= 16 && resources.length <= 1024 && envGate.length <= 64);
  for (const { kind, ...details } of strategies) {
    isSafe(kind, 64);
    assert.ok(Object.keys(details).length <= 16);
    for (const detail of Object.values(details)) if (typeof detail !== "number") isSafe(detail, 4096);
  }
  for (const name of [...resources, ...envGate]) isSafe(name, 256);
  assert.ok(launch === undefined || (Number.isSafeInteger(launch.args) && launch.args >= 0));
  if (!lastRound) return;
  isSafe(lastRound.id, 64);
  const { noticedAt, sentAt = 0, readyAt = 0, releasedAt = 0, recoveredAt = 0, simulated = false } = lastRound;
  for (const time of [noticedAt, sentAt, readyAt, releasedAt, recoveredAt]) assert.ok(Number.isFinite(time));
  assert.equal(typeof simulated, "boolean");
  assert.ok([undefined, "restored", "continued", "aborted"].includes(lastRound.outcome));
  assert.ok((lastRound.errors?.length ?? 0) <= 64);
  for (const { resource = "", message } of lastRound.errors ?? []) {
    isSafe(resource, 256);
    isSafe(message, 1024);
  }
}
