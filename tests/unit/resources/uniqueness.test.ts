import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { drain } from "#reader";
import { bytesOf, encoder, textOf } from "../../../ffi/bytes.ts";
import { fileCalls } from "../../../ffi/files.ts";
import { openLibc } from "../../../ffi/libc.ts";
import type { RestoreContext } from "../../../lifecycle/types.ts";
import { type UniquenessOptions, uniqueness } from "../../../resources/uniqueness/mod.ts";
import { attach } from "../../../simulate.ts";
import { prepare } from "../../support/hooks.ts";
import { waitFor } from "../../support/time.ts";

const O_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

const original = Math.random;
const facts = (random: () => number): unknown => ({
  name: random.name,
  length: random.length,
  text: `${random}`,
  native: Function.prototype.toString.call(random).includes("[native code]"),
  prototype: Object.getPrototypeOf(random) === Function.prototype,
  hasPrototype: Object.hasOwn(random, "prototype"),
  nameIs: Object.getOwnPropertyDescriptor(random, "name"),
  lengthIs: Object.getOwnPropertyDescriptor(random, "length"),
  constructed: String(errorOf(() => new (random as unknown as new () => unknown)()).name),
});
const before = { ...(Object.getOwnPropertyDescriptor(Math, "random") as object), value: facts(original) };
const keysBefore = Object.keys(Math);

function errorOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not throw");
}

const context = (outcome: RestoreContext["outcome"], simulated = false): RestoreContext => ({
  noticeId: "n",
  outcome,
  simulated,
  frozenMs: 0,
  timeoutMs: 1000,
  generation: 1,
  signal: new AbortController().signal,
});

/** Goes through a checkpoint, and counts the calls of `reset`. */
async function resetsOf(outcome: RestoreContext["outcome"], simulated = false): Promise<number> {
  let resets = 0;
  const resource = uniqueness({ reset: () => resets++ });
  await prepare(resource);
  assert.equal(resource.afterRestore?.(context(outcome, simulated)), undefined);
  return resets;
}

test("it comes back first of all, and synchronously", async () => {
  assert.equal(uniqueness().tier, "runtime");
  assert.equal(await resetsOf("restored"), 1);
});

test("nothing happens after a checkpoint that was not restored, or only played", async () => {
  assert.deepEqual(
    await Promise.all([resetsOf("continued"), resetsOf("aborted"), resetsOf("restored", true)]),
    [0, 0, 0],
  );
});

test("a copy that nobody has prepared is renewed as well, when it learns of it", async () => {
  let resets = 0;
  const resource = uniqueness({ reset: () => resets++ });
  await resource.afterRestore?.({ ...context("restored"), unprepared: true });
  assert.equal(resets, 1);
});

test("a played checkpoint goes through it", async () => {
  await using agent = await attach({ resources: [uniqueness()], onError: () => {} });
  assert.equal(await agent.checkpoint(), "restored");
  assert.deepEqual(agent.lastErrors, []);
});

test("a restore that was not prepared is a recovery that failed, never a silent one", () => {
  assert.throws(() => uniqueness().afterRestore?.(context("restored")), /before the dump/);
});

test("threads that work for the app for long are not waited for, and what they do goes on", async () => {
  const libc = await openLibc();
  const pairs = Array.from({ length: 3 }, () => new Int32Array(2));
  const read: string[] = [];
  const readers = pairs.map((pair) => {
    libc.check(libc.pipe2(bytesOf(pair), O_NONBLOCK_CLOEXEC), "open a pipe");
    return drain(libc, pair[0] as number, (bytes) => void read.push(textOf(bytes)));
  });
  const resource = uniqueness();
  await prepare(resource);
  resource.afterRestore?.(context("restored"));
  for (const [, end = 0] of pairs) fileCalls(libc).write(end, encoder.encode("x"), 1);
  await waitFor("what was written", () => read.length === 3);
  assert.equal((await promisify(randomBytes)(16)).length, 16);
  for (const reader of readers) reader[Symbol.dispose]();
  for (const [, end = 0] of pairs) libc.close(end);
});

test("many restores in a row leave every generator at work", async () => {
  const resource = uniqueness();
  const drawn = new Set<string>();
  for (let round = 0; round < 10; round++) {
    await prepare(resource);
    resource.afterRestore?.(context("restored"));
    drawn.add(crypto.randomUUID()).add(String(Math.random()));
  }
  assert.equal(drawn.size, 20);
});

test("Math.random is what it was, by its name, its length, its text, its descriptor, and what it throws", () => {
  uniqueness();
  const descriptor = Object.getOwnPropertyDescriptor(Math, "random") as PropertyDescriptor;
  assert.deepEqual({ ...descriptor, value: facts(descriptor.value) }, before);
  assert.deepEqual(Object.keys(Math), keysBefore);
  assert.equal(Math.random === original, !("Deno" in globalThis));
});

test("Math.random gives numbers from 0 to below 1, evenly, of 53 bits", () => {
  uniqueness();
  const count = 100_000;
  const buckets = new Array<number>(10).fill(0);
  let fine = 0;
  for (let n = 0; n < count; n++) {
    const number = Math.random();
    assert.ok(number >= 0 && number < 1);
    buckets[Math.floor(number * 10)]!++;
    if ((number * 2 ** 40) % 1 !== 0) fine++;
  }
  // Six standard deviations.
  for (const bucket of buckets) assert.ok(Math.abs(bucket - count / 10) < 6 * Math.sqrt(count * 0.09), `${buckets}`);
  assert.ok(fine > count * 0.99);
});

test("a Math.random that somebody has put there is left alone", () => {
  const mine = (): number => 0.5;
  const there = Math.random;
  Math.random = mine;
  try {
    uniqueness();
    assert.equal(Math.random, mine);
  } finally {
    Math.random = there;
  }
});

test("each line of the table of packages is one that the tests with real CRIU run", () => {
  const read = (path: string): string => readFileSync(join(import.meta.dirname as string, "../../..", path), "utf8");
  const [, table = ""] = read("docs/resources/uniqueness.md").split("| --- | --- |");
  const [rows = ""] = table.split("\n\n");
  const lines = rows.split("\n").flatMap((row) => /^\| .* \| `([^`]+)`/.exec(row)?.[1] ?? []);
  assert.equal(lines.length, 5);
  const tested = read("tests/support/drawing_packages.ts");
  assert.deepEqual(
    lines.filter((line) => !tested.includes(line)),
    [],
  );
});

test("an unknown way to watch draws is refused", () => {
  const options = { beforeCheckpoint: "warn" } as unknown as UniquenessOptions;
  assert.throws(() => uniqueness(options), { name: "TypeError", message: /"warn", not report or throw/ });
});
