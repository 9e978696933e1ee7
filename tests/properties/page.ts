import assert from "node:assert/strict";
import fc from "fast-check";
import type { PageDocument } from "../../page/document.ts";
import { PageError } from "../../page/errors.ts";
import { numbers as numberFields, outcomes, PAGE_BYTES, points, replies, states, texts } from "../../page/layout.ts";
import { type OwnPage, openOwnPage } from "../support/own_page.ts";
import type { Border } from "./border.ts";
import { isDocument } from "./document.ts";
import { isSafe, orError } from "./expect.ts";
import { altered, json, jsonText, text } from "./inputs.ts";
import { isLaunch, launches } from "./launch.ts";

const document: PageDocument = {
  runtime: { name: "bun", version: "1.4.5", startedAt: 1 },
  strategies: [{ kind: "signal", signal: 23 }],
  resources: ["model", "cache"],
  launch: { args: 2 },
  envGate: ["REGION"],
  lastRound: { id: "a", sentAt: 0, noticedAt: 1, outcome: "continued", simulated: false },
};

/** A part of the page, and what is put there. */
interface Edit {
  readonly at: number;
  readonly bytes: Uint8Array;
}

const words = Object.values(numberFields);
const number: fc.Arbitrary<Edit> = fc
  .tuple(fc.constantFrom(...words), fc.oneof(fc.nat(8), fc.nat(70), fc.integer(), fc.constantFrom(-1, 0x7fffffff)))
  .map(([at, value]) => ({ at, bytes: new Uint8Array(Int32Array.of(value).buffer) }));
const content: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  text(200).map((text) => new TextEncoder().encode(`${text}\0`)),
  jsonText(fc.oneof(json(), altered(fc.constant(document)), altered(launches))).map((text) =>
    new TextEncoder().encode(`${text}\0`),
  ),
);
const field: fc.Arbitrary<Edit> = fc
  .tuple(fc.constantFrom(...Object.values(texts)), content, fc.boolean())
  .map(([{ at, bytes }, content, isWhole]) => ({
    at,
    bytes: isWhole ? filled(content, bytes) : content.slice(0, bytes),
  }));
const anywhere: fc.Arbitrary<Edit> = fc
  .tuple(fc.nat(PAGE_BYTES - 1), fc.uint8Array({ minLength: 1, maxLength: 256 }))
  .map(([at, bytes]) => ({ at, bytes: bytes.slice(0, PAGE_BYTES - at) }));
const all: fc.Arbitrary<Edit> = fc
  .uint8Array({ minLength: 3, maxLength: 257 })
  .map((bytes) => ({ at: 0, bytes: filled(bytes, PAGE_BYTES) }));

/** Bytes over and over, up to a length. */
function filled(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.length === 0 ? new Uint8Array(length) : new Uint8Array(Buffer.alloc(length, bytes));
}

/** The page of an app, as a driver and the app itself read it: random bytes, and a good page with other fields. */
export const page: Border = {
  name: "page",
  runs: 1500,
  async open(cleanup) {
    const own = await openOwnPage();
    cleanup.defer(() => own[Symbol.dispose]());
    own.app.describe(document);
    own.app.publish("held", "a", { reply: "ready" }, "continued", 3);
    const good = own.bytes.slice();
    const edits = fc.oneof(
      { weight: 60, arbitrary: fc.array(fc.oneof(number, field, anywhere), { minLength: 1, maxLength: 5 }) },
      { weight: 1, arbitrary: fc.tuple(all) },
    );
    return fc.property(edits, (edits) => {
      for (const { at, bytes } of edits) own.bytes.set(bytes, at);
      try {
        look(own);
      } finally {
        for (const { at, bytes } of edits) own.bytes.set(good.subarray(at, at + bytes.length), at);
      }
    });
  },
};

function look({ driver, app, fields }: OwnPage): void {
  const status = orError(() => driver.status(), PageError);
  if (status) {
    assert.ok(states.includes(status.state));
    assert.ok(replies.includes(status.reply));
    assert.ok(points.includes(status.point) && (status.point === "none" || status.state === "held"));
    assert.ok(status.outcome === undefined || outcomes.indexOf(status.outcome) > 0);
    for (const count of [status.generation, status.rejected, status.ignored])
      assert.ok(Number.isSafeInteger(count) && count >= 0);
    isSafe(status.activeId, 40);
    assert.ok(status.refusal.length <= 256);
    for (const reason of status.refusal) isSafe(reason, texts.refusal.bytes);
  }
  const signal = orError(() => driver.noticeSignal, PageError);
  assert.ok(signal === undefined || (signal >= 1 && signal <= 64 && signal !== 9 && signal !== 19));
  for (const ask of [() => driver.isAtPoint(), () => driver.isHeldBy("a")]) {
    const answer = orError(ask, PageError);
    assert.ok(answer === undefined || typeof answer === "boolean");
  }
  assert.equal(typeof driver.isAt("a"), "boolean");
  // One that was read before would do for the driver as long as its number is the same.
  isDocument(fields);
  // The app's half.
  assert.ok([undefined, "continued", "aborted", "simulated"].includes(app.word("a")));
  assert.equal(typeof app.isWaiting, "boolean");
  isLaunch(() => app.takeLaunch());
  assert.equal(fields.text("launch"), "");
}
