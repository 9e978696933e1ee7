import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckpointRefusedError, HookTimeoutError, ResourceError } from "../../../lifecycle/errors.ts";
import type { Resource } from "../../../lifecycle/types.ts";
import { createStage } from "../../support/lifecycle_ports.ts";
import { sleep } from "../../support/time.ts";

const fails = (message: string) => (): never => {
  throw new Error(message);
};

test("every beforeCheckpoint is tried after one has failed, and the refusal holds every reason", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.lifecycle.resources.add({ name: "one", beforeCheckpoint: () => void log.push("one") });
  stage.lifecycle.resources.add({ name: "two", beforeCheckpoint: fails("busy") });
  stage.lifecycle.resources.add({ name: "three", beforeCheckpoint: () => Promise.reject(new Error("no room")) });
  const { reply, outcome } = await stage.deliver({ id: "a" });
  assert.deepEqual(log, ["one"]);
  assert.deepEqual(reply, { reply: "refused", reasons: ["three: no room", "two: busy"] });
  assert.equal(outcome, "aborted");
  const [error] = stage.reports;
  assert.ok(error instanceof CheckpointRefusedError);
  assert.equal(stage.reports.length, 1);
  assert.equal(error.noticeId, "a");
  assert.equal(error.message, "Cannot checkpoint: three: no room; two: busy");
  assert.ok(error.errors.every((each) => each instanceof ResourceError && each.hook === "beforeCheckpoint"));
});

test("a refused checkpoint is not armed and not held", async () => {
  let armed = 0;
  const stage = createStage({
    arm: () => {
      armed++;
      return () => ({ outcome: "continued", simulated: false });
    },
  });
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: fails("no") });
  await stage.deliver({ id: "a" });
  assert.equal(armed, 0);
  assert.equal(stage.lifecycle.lastOutcome, "aborted");
  assert.deepEqual(
    stage.published.map(({ state, reply, round }) => [state, reply?.reply, round.outcome]),
    [
      ["preparing", undefined, undefined],
      ["recovering", "refused", "aborted"],
      ["running", undefined, "aborted"],
    ],
  );
});

test("every resource whose hook was entered is told aborted in order, the one that threw included", async () => {
  const stage = createStage();
  const log: string[] = [];
  const add = (name: string, more: Partial<Resource> = {}): void =>
    void stage.lifecycle.resources.add({
      name,
      afterRestore: ({ outcome, generation, simulated }) =>
        void log.push(`${name} ${outcome} ${generation} ${simulated}`),
      ...more,
    });
  add("runtime", { tier: "runtime" });
  add("throws", { tier: "device", beforeCheckpoint: fails("no") });
  add("app");
  await stage.deliver({ id: "a" });
  assert.deepEqual(log, ["runtime aborted 0 false", "throws aborted 0 false", "app aborted 0 false"]);
});

test("a hook that outlasts its own time refuses, and its signal aborts with the reason", async () => {
  const stage = createStage();
  let reason: unknown;
  stage.lifecycle.resources.add({
    name: "slow",
    timeoutMs: 10,
    beforeCheckpoint: ({ signal, noticeId }) =>
      new Promise((resolve) => {
        assert.equal(noticeId, "a");
        signal.onabort = () => {
          reason = signal.reason;
          resolve();
        };
      }),
  });
  const { reply } = await stage.deliver({ id: "a" });
  assert.ok(reason instanceof HookTimeoutError);
  assert.equal(reason.timeoutMs, 10);
  assert.equal(reply.reply, "refused");
  assert.match(stage.reports[0]?.message ?? "", /slow: beforeCheckpoint was not done after 10 ms/);
});

test("a hook without an own time gets that of the agent", async () => {
  const stage = createStage({ hookTimeoutMs: 8 });
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: () => sleep(2000) });
  const began = performance.now();
  const { reply } = await stage.deliver({ id: "a" });
  assert.equal(reply.reply, "refused");
  assert.ok(performance.now() - began < 1500);
});

test("no hook gets more time than the deadline of the notice leaves", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({ name: "a", timeoutMs: 60_000, beforeCheckpoint: () => new Promise(() => {}) });
  const { reply } = await stage.deliver({ id: "a", deadline: stage.now + 10 });
  assert.match(reply.reply === "refused" ? (reply.reasons[0] as string) : "", /^a: .* not done after 10 ms/);
});

test("a hook that is done in time leaves its signal alone", async () => {
  const stage = createStage();
  let signal: AbortSignal | undefined;
  stage.lifecycle.resources.add({
    name: "a",
    timeoutMs: 15,
    async beforeCheckpoint(context) {
      signal = context.signal;
      await sleep(1);
    },
  });
  assert.equal((await stage.deliver({ id: "a" })).reply.reply, "ready");
  await sleep(30);
  assert.equal(signal?.aborted, false);
});

test("a signal that is first asked for when the time is over is aborted", async () => {
  const stage = createStage();
  let late: AbortSignal | undefined;
  stage.lifecycle.resources.add({
    name: "a",
    timeoutMs: 5,
    async beforeCheckpoint(context) {
      await sleep(25);
      late = context.signal;
    },
  });
  await stage.deliver({ id: "a" });
  await sleep(40);
  assert.equal(late?.aborted, true);
  assert.ok(late.reason instanceof HookTimeoutError);
});

test("what a hook throws after its time changes nothing and is not an unhandled rejection", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({
    name: "a",
    timeoutMs: 5,
    async beforeCheckpoint() {
      await sleep(20);
      throw new Error("too late");
    },
  });
  const { reply } = await stage.deliver({ id: "a" });
  await sleep(40);
  assert.equal(reply.reply === "refused" && reply.reasons.length, 1);
});

test("arm() that throws refuses the checkpoint with its reason", async () => {
  const stage = createStage({ arm: fails("Cannot open a pidfd") });
  const log: string[] = [];
  stage.lifecycle.resources.add({ name: "a", afterRestore: ({ outcome }) => void log.push(outcome) });
  const { reply, outcome } = await stage.deliver({ id: "a" });
  assert.deepEqual(reply, { reply: "refused", reasons: ["Cannot open a pidfd"] });
  assert.equal(outcome, "aborted");
  assert.deepEqual(log, ["aborted"]);
});

test("a notice that is withdrawn while preparing is refused", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: () => void stage.withdrawn.add("a") });
  const { reply, outcome } = await stage.deliver({ id: "a" });
  assert.match(reply.reply === "refused" ? (reply.reasons[0] as string) : "", /nobody waits for it any more/);
  assert.equal(outcome, "aborted");
});

test("a synchronous hook that takes longer than the deadline refuses the checkpoint", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({
    name: "a",
    beforeCheckpoint: () => {
      stage.now += 11;
    },
  });
  const { reply } = await stage.deliver({ id: "a", deadline: stage.now + 10 });
  assert.match(reply.reply === "refused" ? (reply.reasons[0] as string) : "", /nobody waits for it any more/);
});

test("a checkpoint works after one that was refused", async () => {
  const stage = createStage();
  let fail = true;
  stage.lifecycle.resources.add({
    name: "a",
    beforeCheckpoint: () => {
      if (fail) throw new Error("not now");
    },
  });
  assert.equal((await stage.deliver({ id: "a" })).outcome, "aborted");
  fail = false;
  assert.equal((await stage.deliver({ id: "b" })).outcome, "continued");
  assert.equal(stage.lifecycle.state, "running");
});

test("a hook that returns what looks like a promise, and is none, refuses, and the next notice is worked on", async () => {
  const stage = createStage();
  const get = (): never => {
    throw new Error("no promise");
  };
  const odd = stage.lifecycle.resources.add({
    name: "odd",
    beforeCheckpoint: () => Object.defineProperty({}, "then", { get }) as Promise<void>,
  });
  assert.deepEqual((await stage.deliver({ id: "x" })).reply, { reply: "refused", reasons: ["odd: no promise"] });
  odd[Symbol.dispose]();
  assert.equal((await stage.deliver({ id: "y" })).outcome, "continued");
});
