import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { entryAt } from "../../ffi/entries.ts";
import { openLibc } from "../../ffi/libc.ts";
import { outcomes, words } from "../../page/layout.ts";
import { type Marker, parseMarker, readMarker } from "../../strategies/file/marker.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import type { Border } from "./border.ts";
import { altered, damaged, json, jsonText, text } from "./inputs.ts";
import { isNotice, isReply, notices, replies } from "./notice.ts";

const id = fc.uuid();
/** What the two sides write, and what the other one is to read of it. */
const written: fc.Arbitrary<readonly [content: object, marker: Marker]> = fc.oneof(
  notices.map((notice) => [notice, { kind: "notice", notice }] as const),
  fc.tuple(id, replies).map(
    ([id, reply]) =>
      [
        { id, ...reply },
        { kind: "reply", id, reply },
      ] as const,
  ),
  fc.tuple(id, fc.constantFrom("continued" as const, "aborted" as const, "simulated" as const)).map(
    ([id, word]) =>
      [
        { id, word },
        { kind: "word", id, word },
      ] as const,
  ),
  fc.tuple(id, fc.constantFrom("restored" as const, "continued" as const, "aborted" as const)).map(
    ([id, outcome]) =>
      [
        { id, outcome },
        { kind: "outcome", id, outcome },
      ] as const,
  ),
);
const content = jsonText(
  fc.oneof(altered(written.map(([content]) => content)), json(["id", "reply", "reasons", "word", "outcome"])),
);
const bytes = fc.oneof(
  content.map((text) => new TextEncoder().encode(text)),
  damaged(content.map((text) => new TextEncoder().encode(text))),
  fc
    .tuple(content, fc.integer({ min: 16_000, max: 17_000 }))
    .map(([text, length]) => Buffer.alloc(length, text || " ")),
);
const LONGEST = 16_384;

/** A marker file, as both sides read it. */
export const marker: Border = {
  name: "marker",
  runs: 2000,
  async open(cleanup) {
    const libc = await openLibc();
    const directory = temporaryDirectory();
    cleanup.defer(() => directory[Symbol.dispose]());
    const path = join(directory.path, "marker");
    const read = (bytes: Uint8Array): Marker | undefined => {
      writeFileSync(path, bytes);
      return readMarker(libc, entryAt(path))?.marker;
    };
    return fc.property(fc.oneof(written, bytes, text()), (given) => {
      if (Array.isArray(given)) {
        const [content, expected] = given as typeof written extends fc.Arbitrary<infer T> ? T : never;
        const line = `${JSON.stringify(content)}\n`;
        assert.deepEqual(read(new TextEncoder().encode(line)), fromJson(expected));
      } else if (typeof given === "string") isMarker(parseMarker(given));
      else {
        const { length } = given as Uint8Array;
        const found = read(given as Uint8Array);
        assert.equal(found?.kind === "unusable", length >= LONGEST);
        isMarker(found as Marker);
      }
    });
  },
};

function isMarker(marker: Marker): void {
  if (marker.kind === "notice" && marker.notice) isNotice(marker.notice);
  if (marker.kind === "reply") isReply(marker.reply);
  if (marker.kind === "word") assert.ok(words.indexOf(marker.word) > 0);
  if (marker.kind === "outcome") assert.ok(outcomes.indexOf(marker.outcome) > 0);
  assert.ok(!("id" in marker) || typeof marker.id === "string");
}

/** As it comes back: -0 is 0. */
function fromJson(marker: Marker): Marker {
  return JSON.parse(JSON.stringify(marker));
}
