import assert from "node:assert/strict";
import { test } from "node:test";
import type { DriverPage } from "../../../page/driver_page.ts";
import { PageError } from "../../../page/errors.ts";
import { numbers, outcomes, replies, states, texts } from "../../../page/layout.ts";
import { type OwnPage, openOwnPage, seededRandom } from "../../support/own_page.ts";

const seed = Number(process.env.CRIU_AWARE_SEED ?? 20_260_710);
const rounds = 300;
console.log(`seed ${seed} (CRIU_AWARE_SEED)`);

function isSafe(text: unknown): void {
  assert.equal(typeof text, "string");
  assert.doesNotMatch(text as string, /[\p{Cc}\p{Cf}]/u);
}

/** Everything in a value that came from a page: strings are safe to print, numbers are numbers. */
function checkValue(value: unknown, depth = 0): void {
  assert.ok(depth < 5, "too deep");
  if (typeof value === "number" || value === undefined || typeof value === "boolean") return;
  if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      isSafe(name);
      checkValue(member, depth + 1);
    }
    return;
  }
  isSafe(value);
}

/** Calls `look` and lets through a PageError only. */
function orPageError<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    assert.ok(error instanceof PageError && error.code === "damaged", String((error as Error).stack));
    isSafe(error.message);
    return undefined;
  }
}

async function useEverything(driver: DriverPage): Promise<void> {
  const status = orPageError(() => driver.status());
  if (status) {
    assert.ok(states.includes(status.state));
    assert.ok(replies.includes(status.reply));
    assert.ok(status.outcome === undefined || outcomes.slice(1).includes(status.outcome));
    assert.ok(Number.isInteger(status.generation) && status.generation >= 0);
    isSafe(status.activeId);
    status.refusal.forEach(isSafe);
  }
  const document = orPageError(() => driver.document());
  if (document) {
    checkValue(document);
    isSafe(document.runtime.name);
    isSafe(document.runtime.version);
    document.resources.forEach(isSafe);
    for (const { kind } of document.strategies) isSafe(kind);
  }
  const signal = orPageError(() => driver.noticeSignal);
  assert.ok(signal === undefined || (signal >= 1 && signal <= 64 && signal !== 9 && signal !== 19));
  driver.leave({ id: "a", deadline: 5 });
  driver.renew();
  await driver.until(() => true, 0).catch((error) => assert.ok(error instanceof PageError, String(error)));
}

/** `tell` and `withdraw` send the signal of the page: only one that does nothing may stand there. */
function tellWithoutHarm({ driver, fields, app }: OwnPage, kick: number): void {
  fields.set("wakeSignal", kick);
  driver.tell("a", "continued");
  assert.equal(app.word("a"), "continued");
  driver.withdraw("a");
  assert.equal(app.word("a"), "aborted");
}

test(`the driver's half survives ${rounds} pages of random bytes`, async () => {
  using page = await openOwnPage();
  const random = seededRandom(seed);
  const words = new Uint32Array(page.bytes.buffer);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < words.length; i++) words[i] = random();
    await useEverything(page.driver);
    tellWithoutHarm(page, [0, 9, 19, 65, 0xffffffff][round % 5] as number);
  }
});

test("it survives single fields that are random or at their limits", async () => {
  using page = await openOwnPage();
  const random = seededRandom(seed + 1);
  page.app.describe({ runtime: { name: "bun", version: "1" }, strategies: [], resources: ["a"], lastRound: undefined });
  const limits = [0, 1, 2, 5, 64, 65, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
  for (const name of Object.keys(numbers) as (keyof typeof numbers)[]) {
    const good = page.fields.get(name);
    for (const value of [...limits, random(), random()]) {
      page.fields.set(name, value);
      await useEverything(page.driver);
    }
    page.fields.set(name, good);
  }
  for (const name of Object.keys(texts) as (keyof typeof texts)[]) {
    const { at, bytes } = texts[name];
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < bytes; i++) page.bytes[at + i] = random();
      await useEverything(page.driver);
    }
  }
  tellWithoutHarm(page, 23);
});

test("it survives a page that another thread of control changes all the time", async () => {
  using page = await openOwnPage();
  const random = seededRandom(seed + 2);
  let running = true;
  const change = (async () => {
    while (running) {
      for (let i = 0; i < 200; i++) page.bytes[random() % page.bytes.length] = random();
      page.fields.set("wakeSignal", 0);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  for (let round = 0; round < 100; round++) await useEverything(page.driver);
  running = false;
  await change;
});

test("status() of a page full of one byte is sane or damaged", async () => {
  using page = await openOwnPage();
  for (let byte = 0; byte < 256; byte++) {
    page.bytes.fill(byte);
    await useEverything(page.driver);
  }
});
