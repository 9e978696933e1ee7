import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverPage } from "../../../page/driver_page.ts";
import { PageError } from "../../../page/errors.ts";
import { Fields } from "../../../page/fields.ts";
import { points, states } from "../../../page/layout.ts";
import { openBell } from "../../support/bell.ts";
import { startScript } from "../../support/child.ts";
import { openOwnPage, SIGURG } from "../../support/own_page.ts";
import { waitFor } from "../../support/time.ts";

test("until() resolves at once with a status that is right already", async () => {
  using page = await openOwnPage();
  assert.equal((await page.driver.until(({ state }) => state === "running", 0))?.state, "running");
});

test("until() sees what the app publishes meanwhile", async () => {
  using page = await openOwnPage();
  page.app.publish("preparing", "a", undefined, undefined, 0);
  setTimeout(() => page.app.publish("held", "a", { reply: "ready" }, undefined, 0), 10);
  const status = await page.driver.until(({ reply }) => reply === "ready", 5000);
  assert.deepEqual([status?.state, status?.activeId], ["held", "a"]);
});

test("until() resolves with undefined when the time is over, and lets the event loop live", async () => {
  using page = await openOwnPage();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const began = performance.now();
  assert.equal(await page.driver.until(() => false, 150), undefined);
  const took = performance.now() - began;
  clearInterval(timer);
  assert.ok(took >= 145 && took < 2000, `${took} ms`);
  assert.ok(ticks > 5);
});

test("a point that there is not, and one of an app that is not held, are none", async () => {
  using page = await openOwnPage();
  const isDamaged = (error: unknown): boolean => error instanceof PageError && error.code === "damaged";
  page.app.publish("held", "a", { reply: "ready" }, undefined, 0);
  for (const value of [3, 4, 255, 2 ** 31, 2 ** 32 - 1]) {
    page.fields.set("point", value);
    assert.throws(() => page.driver.isAtPoint(), isDamaged);
    assert.throws(() => page.driver.status(), isDamaged);
    assert.equal(page.app.isWaiting, false);
  }
  page.fields.set("point", points.indexOf("waiting"));
  assert.equal(page.driver.isAtPoint(), true);
  // It is taken away with the hold; what is left there afterwards leads no driver to wait, or to believe in a hold.
  for (const state of ["running", "preparing", "recovering", "detached"] as const) {
    page.fields.set("state", states.indexOf(state));
    for (const value of [1, 2, 77]) {
      page.fields.set("point", value);
      assert.equal(page.driver.isAtPoint(), false);
      assert.equal(page.driver.status().point, "none");
    }
  }
});

test("until() rejects when the process ends", async () => {
  await using child = startScript("paged.ts");
  await child.nextLine();
  using driver = await DriverPage.open(child.pid);
  const waiting = driver.until(() => false, 10_000);
  driver.process.kill(9);
  await assert.rejects(waiting, (error) => error instanceof PageError && /has ended/.test(error.message));
  // To tell a dead process something does no harm.
  driver.tell("a", "aborted");
  driver.withdraw("a");
  driver.renew();
  assert.equal(driver.status().state, "running");
});

test("the page of another process is written and read as one's own", async () => {
  await using child = startScript("paged.ts");
  assert.equal(await child.nextLine(), "open");
  using driver = await DriverPage.open(child.pid);
  assert.equal(driver.pid, child.pid);
  driver.leave({ id: "x" });
  driver.tell("x", "continued");
  const status = await driver.until(({ state }) => state === "held", 5000);
  assert.equal(status?.activeId, 'x {"id":"x"} continued');
});

test("tell() kicks with the signal of the page", async () => {
  await using bell = await openBell();
  using page = await openOwnPage();
  bell.doorbell.listen(SIGURG);
  page.driver.tell("a", "continued");
  await waitFor("the kick", () => bell.heard.length > 0);
  assert.equal(bell.doorbell.since(0).rings[0]?.signal, SIGURG);
});

test("tell() sends no signal that would end the process", async () => {
  using page = await openOwnPage();
  for (const kick of [0, 9, 19, 65, 0xffffffff]) {
    page.fields.set("wakeSignal", kick);
    page.driver.tell("a", "aborted");
    assert.equal(page.app.word("a"), "aborted");
  }
});

test("words that are none, and signals that are no signals, are damage", async () => {
  using page = await openOwnPage();
  const { fields, driver } = page;
  for (const name of ["state", "reply", "outcome"] as const) {
    const good = fields.get(name);
    for (const bad of [5, 255, 0x7fffffff, 0xffffffff]) {
      fields.set(name, bad);
      assert.throws(
        () => driver.status(),
        (error) => error instanceof PageError && error.code === "damaged" && error.message.includes(name),
      );
    }
    fields.set(name, good);
  }
  for (const bad of [9, 19, 65, 1000, 0x80000000, 0xffffffff]) {
    fields.set("noticeSignal", bad);
    assert.throws(() => driver.noticeSignal, { name: "PageError", code: "damaged" });
  }
  driver.status();
});

test("texts from the page are safe to print", async () => {
  using page = await openOwnPage();
  page.fields.setText("activeId", "\x1b[31mred\u202e\x07");
  page.fields.setText("refusal", "one\x1b]0;title\x07\r\ntwo\u200b\n\n");
  const { activeId, refusal } = page.driver.status();
  assert.equal(activeId, "\ufffd[31mred\ufffd\ufffd");
  assert.deepEqual(refusal, ["one\ufffd]0;title\ufffd\ufffd", "two\ufffd"]);
});

test("a page that names a new notice at each look is damaged, and keeps nobody", async () => {
  using page = await openOwnPage();
  const text = Fields.prototype.text;
  let looks = 0;
  Fields.prototype.text = function (name) {
    return name === "activeId" ? String(looks++) : text.call(this, name);
  };
  try {
    assert.throws(() => page.driver.status(), { name: "PageError", code: "damaged", message: /changes all the time/ });
  } finally {
    Fields.prototype.text = text;
  }
  assert.ok(looks < 1000);
});

test("a refusal of thousands of reasons is cut", async () => {
  using page = await openOwnPage();
  page.fields.setText("refusal", "x\n".repeat(4000));
  assert.equal(page.driver.status().refusal.length, 256);
});

test("a process that has become another user's is not signalled any more", {
  skip: process.geteuid?.() === 0 ? false : "it takes root to become another user",
}, async () => {
  await using app = startScript("becoming_nobody.ts");
  assert.equal(await app.nextLine(), "open");
  using page = await DriverPage.open(app.pid);
  page.notify({ id: "a" });
  process.kill(app.pid, "SIGWINCH");
  assert.equal(await app.nextLine(), "nobody");
  assert.throws(() => page.notify({ id: "b" }), { name: "PageError", code: "damaged" });
  page.tell("a", "aborted");
  process.kill(app.pid, 0);
});
