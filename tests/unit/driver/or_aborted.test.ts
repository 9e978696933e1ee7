import assert from "node:assert/strict";
import { test } from "node:test";
import { orAborted } from "../../../driver/or_aborted.ts";

const never = new Promise<never>(() => {});
const reason = new Error("the user has changed his mind");

test("work that ends is what it comes to, with a signal and without", async () => {
  const { signal } = new AbortController();
  for (const given of [undefined, signal]) {
    assert.equal(await orAborted(5, given), 5);
    assert.equal(await orAborted(Promise.resolve(5), given), 5);
    await assert.rejects(orAborted(Promise.reject(new Error("it failed")), given), /it failed/);
  }
});

test("work that never ends is left alone when the signal aborts, before or meanwhile", async () => {
  await assert.rejects(orAborted(never, AbortSignal.abort(reason)), reason);
  await assert.rejects(orAborted(5, AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const waiting = orAborted(never, controller.signal);
  controller.abort(reason);
  await assert.rejects(waiting, reason);
});

test("work that fails after the abort fails unheard", async () => {
  const controller = new AbortController();
  let fail = (_: Error): void => {};
  const work = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const waiting = orAborted(work, controller.signal);
  controller.abort(reason);
  await assert.rejects(waiting, reason);
  fail(new Error("too late"));
  await new Promise((resolve) => setTimeout(resolve));
});
