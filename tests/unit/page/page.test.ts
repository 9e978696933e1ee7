import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync, truncateSync } from "node:fs";
import { test } from "node:test";
import { RINGS } from "../../../ffi/doorbell.ts";
import { ring } from "../../../ffi/handler_code.ts";
import { DriverPage } from "../../../page/driver_page.ts";
import { PageError } from "../../../page/errors.ts";
import { numbers, PAGE_BYTES, RING_AT, texts } from "../../../page/layout.ts";
import { startProgram } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { openOwnPage, SIGURG } from "../../support/own_page.ts";

function pageDescriptors(): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === "/memfd:criu-aware (deleted)";
    } catch {
      return false;
    }
  });
}

test("what the app publishes is what the driver sees", async () => {
  using page = await openOwnPage();
  const { app, driver } = page;
  const counted = { rejected: 0, ignored: 0 };
  const nothing = {
    state: "running",
    activeId: "",
    reply: "none",
    point: "none",
    outcome: undefined,
    generation: 0,
    refusal: [],
    ...counted,
  };
  assert.deepEqual(driver.status(), nothing);
  app.publish("preparing", "a", undefined, undefined, 0);
  assert.deepEqual(driver.status(), { ...nothing, state: "preparing" });
  app.publish("held", "a", { reply: "ready" }, undefined, 0);
  assert.deepEqual(driver.status(), { ...nothing, state: "held", activeId: "a", reply: "ready" });
  app.publish("recovering", "a", undefined, "restored", 1);
  const restored = { ...nothing, activeId: "a", reply: "ready", outcome: "restored", generation: 1 };
  assert.deepEqual(driver.status(), { ...restored, state: "recovering" });
  app.publish("running", "a", undefined, "restored", 1);
  assert.deepEqual(driver.status(), { ...restored, state: "running" });
  app.publish("preparing", "b", undefined, undefined, 1);
  assert.deepEqual([driver.status().activeId, driver.status().reply], ["a", "ready"]);
});

test("whoever reads the answer finds the app held, wherever it is frozen", async () => {
  using page = await openOwnPage();
  const { fields } = page.app;
  const seen: string[] = [];
  const set = fields.set.bind(fields);
  fields.set = (name, value): void => {
    set(name, value);
    const { activeId, reply, state } = page.driver.status();
    seen.push(activeId === "a" && reply === "ready" ? state : reply);
  };
  page.app.publish("held", "a", { reply: "ready" }, undefined, 0);
  fields.set = set;
  assert.deepEqual([...new Set(seen)], ["none", "held"]);
});

test("a refusal brings every reason, one line each", async () => {
  using page = await openOwnPage();
  page.app.publish("recovering", "a", { reply: "refused", reasons: ["one", "two\nlines", "ünï"] }, "aborted", 0);
  const { reply, refusal, outcome } = page.driver.status();
  assert.deepEqual([reply, refusal, outcome], ["refused", ["one", "two lines", "ünï"], "aborted"]);
});

test("a refusal that does not fit is cut, inside no character", async () => {
  using page = await openOwnPage();
  page.app.publish("recovering", "a", { reply: "refused", reasons: ["é".repeat(10_000)] }, "aborted", 0);
  assert.deepEqual(page.driver.status().refusal, ["é".repeat(4096)]);
});

test("an answer and the end of a round change the word that drivers wait for", async () => {
  using page = await openOwnPage();
  let before = page.fields.get("changes");
  const changed = (): boolean => {
    const now = page.fields.get("changes");
    const hasChanged = now !== before;
    before = now;
    return hasChanged;
  };
  page.app.publish("held", "a", { reply: "ready" }, undefined, 0);
  assert.ok(changed());
  page.app.publish("running", "a", undefined, "continued", 0);
  assert.ok(changed());
  page.app.publish("recovering", "b", { reply: "refused", reasons: [] }, "aborted", 0);
  assert.ok(changed());
});

test("the app finds the notice that a driver left, and no other word than the one for it", async () => {
  using page = await openOwnPage();
  const { app, driver } = page;
  assert.equal(app.fields.text("notice"), "");
  driver.leave({ id: "a", leaseMs: 5 });
  assert.equal(app.fields.text("notice"), '{"id":"a","leaseMs":5}');
  assert.equal(app.word("a"), undefined);
  for (const word of ["continued", "aborted", "simulated"] as const) {
    const kicks = app.fields.get("signalsSent");
    driver.tell("a", word);
    assert.equal(app.word("a"), word);
    assert.equal(app.fields.get("signalsSent"), kicks + 1);
    assert.equal(app.word("b"), undefined);
  }
});

test("a notice that is withdrawn is gone, that of another driver is not", async () => {
  using page = await openOwnPage();
  const { app, driver } = page;
  driver.leave({ id: "a" });
  driver.withdraw("b");
  assert.equal(app.fields.text("notice"), '{"id":"a"}');
  driver.withdraw("a");
  assert.equal(app.fields.text("notice"), "");
  assert.equal(app.word("a"), "aborted");
});

test("renewals and strangers are counted", async () => {
  using page = await openOwnPage();
  page.driver.renew();
  page.driver.renew();
  assert.equal(page.app.fields.get("renewals"), 2);
  page.app.countRejected();
  assert.equal(page.fields.get("rejected"), 1);
});

test("the signal that is a notice shows, and 0 means none", async () => {
  using page = await openOwnPage();
  assert.equal(page.driver.noticeSignal, undefined);
  page.app.noticeSignal = 40;
  assert.equal(page.driver.noticeSignal, 40);
  assert.equal(page.fields.get("wakeSignal"), SIGURG);
  assert.equal(page.fields.get("pid"), process.pid);
});

test("no field lies over another one, and all are inside of the page", () => {
  const spans = [
    ...Object.values(numbers).map((at) => ({ at, bytes: 4 })),
    ...Object.values(texts),
    { at: RING_AT, bytes: ring.slots + ring.slotBytes * RINGS },
  ].sort((a, b) => a.at - b.at);
  for (const [i, { at, bytes }] of spans.entries()) {
    assert.ok(at + bytes <= (spans[i + 1]?.at ?? PAGE_BYTES), `at ${at}`);
    assert.equal(at % 4 === 0 || bytes !== 4, true, `at ${at}`);
  }
  assert.equal(RING_AT % 8, 0);
});

test("a shell reads the state with nothing but od", async () => {
  using page = await openOwnPage();
  page.app.publish("held", "a", { reply: "ready" }, undefined, 0);
  const path = `/proc/${process.pid}/fd/${pageDescriptors()[0]}`;
  const { stdout } = await startProgram("sh", ["-c", `head -c 8 ${path}; od -An -tu4 -j20 -N8 ${path}`]).ended;
  assert.match(stdout, /^criuawar\s+2\s+1\s*$/);
});

test("nobody can change the size of the page, not even by its path", async () => {
  using page = await openOwnPage();
  const fds = pageDescriptors();
  assert.notEqual(fds.length, 0);
  for (const fd of fds) {
    for (const bytes of [0, 4096, 1 << 20]) {
      assert.throws(() => truncateSync(`/proc/self/fd/${fd}`, bytes), /EPERM|not permitted/);
      assert.equal(page.libc.ftruncate(Number(fd), bytes), -1);
    }
    assert.equal(page.libc.fcntl(Number(fd), 1033, 8), -1, "another seal");
    const { stderr } = await startProgram("truncate", ["-s", "0", `/proc/${process.pid}/fd/${fd}`]).ended;
    assert.match(stderr, /truncate/);
  }
  assert.equal(readFileSync(`/proc/self/fd/${fds[0]}`).length, PAGE_BYTES);
});

test("a page that is disposed shows detached, and both halves leave no descriptor", async () => {
  const before = countDescriptors(/pidfd|memfd/);
  {
    using page = await openOwnPage();
    page.app[Symbol.dispose]();
    assert.equal(page.driver.status().state, "detached");
    page.app.publish("held", "late", { reply: "ready" }, undefined, 0);
    assert.equal(page.driver.status().activeId, "");
  }
  assert.ok(countDescriptors(/pidfd|memfd/) <= before, "it left a descriptor open");
});

test("a process without a page is missing, and that is known at once", async () => {
  await using child = startProgram("sleep", ["10"]);
  const before = countDescriptors(/pidfd|memfd/);
  const began = performance.now();
  for (let i = 0; i < 10; i++) {
    await assert.rejects(
      DriverPage.open(child.pid),
      (error) => error instanceof PageError && error.code === "missing" && error.pid === child.pid,
    );
  }
  assert.ok(performance.now() - began < 500);
  assert.ok(countDescriptors(/pidfd|memfd/) <= before, "it left a descriptor open");
});

test("a process that does not exist is missing", async () => {
  await assert.rejects(DriverPage.open(4_194_305), (error) => error instanceof PageError && error.code === "missing");
});

test("one driver at a time keeps the page", async () => {
  using page = await openOwnPage();
  using other = await DriverPage.open(process.pid);
  assert.equal(await page.driver.lock(100), true);
  const began = performance.now();
  assert.equal(await other.lock(30), false);
  assert.ok(performance.now() - began >= 25);
  assert.equal(await other.lock(60_000, AbortSignal.timeout(20)), false);
  page.driver[Symbol.dispose]();
  assert.equal(await other.lock(1000), true);
});
