import assert from "node:assert/strict";
import { test } from "node:test";
import type { Caller } from "../../../lifecycle/ports.ts";
import { createStage, type Published, recorder, recordingCaller } from "../../support/lifecycle_ports.ts";
import { sleep, turns } from "../../support/time.ts";

test("the same notice by two callers runs once, and both get the reply and the outcome", async () => {
  const stage = createStage();
  const log: string[] = [];
  let prepared = 0;
  stage.lifecycle.resources.add({
    name: "a",
    async beforeCheckpoint() {
      prepared++;
      await sleep(2);
    },
  });
  stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "one"));
  stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "two"));
  await sleep(30);
  assert.equal(prepared, 1);
  assert.deepEqual(log, ["one: ready", "two: ready", "one: continued", "two: continued"]);
});

test("a notice that is over comes again: nobody is told that the app is held, and nothing runs", async () => {
  const stage = createStage();
  let prepared = 0;
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: () => void prepared++ });
  await stage.deliver({ id: "x" });
  await turns();
  // By another way, and late: others have come in between.
  for (let others = 0; others < 3; others++) {
    const log: string[] = [];
    let reply: unknown;
    const again = recordingCaller(log, "again");
    stage.lifecycle.deliver({ id: "x" }, { ...again, reply: (given) => (reply = given) });
    assert.deepEqual(reply, { reply: "refused", reasons: ["the checkpoint x is over"] });
    assert.deepEqual(log, ["again: continued"]);
    await turns();
    assert.equal(prepared, 1 + others);
    await stage.deliver({ id: `other-${others}` });
  }
});

test("a refused notice again gets every reason again", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({
    name: "a",
    beforeCheckpoint: () => {
      throw new Error("no");
    },
  });
  const { reply } = await stage.deliver({ id: "x" });
  const again = await stage.deliver({ id: "x" });
  assert.deepEqual(again, { reply, outcome: "aborted" });
  assert.deepEqual(reply, { reply: "refused", reasons: ["a: no"] });
});

test("a second notice waits for the first one, hooks and all", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.lifecycle.resources.add({
    name: "a",
    beforeCheckpoint: async ({ noticeId }) => {
      await sleep(3);
      log.push(`before ${noticeId}`);
    },
    afterRestore: async ({ noticeId }) => {
      await sleep(3);
      log.push(`after ${noticeId}`);
    },
  });
  await Promise.all([stage.deliver({ id: "x" }), stage.deliver({ id: "y" }), stage.deliver({ id: "z" })]);
  assert.deepEqual(log, ["before x", "after x", "before y", "after y", "before z", "after z"]);
});

test("a notice that waits can be joined by a second caller", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: () => sleep(5) });
  stage.lifecycle.deliver({ id: "x" }, recordingCaller([], "x"));
  stage.lifecycle.deliver({ id: "y" }, recordingCaller(log, "one"));
  stage.lifecycle.deliver({ id: "y" }, recordingCaller(log, "two"));
  await sleep(60);
  assert.deepEqual(log, ["one: ready", "two: ready", "one: continued", "two: continued"]);
});

test("a notice after its deadline runs nothing and gets no answer", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.lifecycle.deliver({ id: "x", deadline: stage.now - 1 }, recordingCaller(log, "late"));
  await turns();
  assert.deepEqual(log, []);
  assert.deepEqual(stage.published, []);
});

test("a notice at its very deadline still counts", async () => {
  const stage = createStage();
  assert.equal((await stage.deliver({ id: "x", deadline: stage.now })).reply.reply, "ready");
});

test("a notice whose deadline passes while it waits for another one is void", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: () => sleep(2) });
  stage.onHold = () => {
    stage.now += 100;
  };
  stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "x"));
  stage.lifecycle.deliver({ id: "y", deadline: stage.now + 50 }, recordingCaller(log, "y"));
  await sleep(30);
  assert.deepEqual(log, ["x: ready", "x: continued"]);
});

test("a notice that was withdrawn before it began is void", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.withdrawn.add("x");
  stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "x"));
  await turns();
  assert.deepEqual(log, []);
  assert.equal((await stage.deliver({ id: "y" })).outcome, "continued");
});

test("a notice whose callers are all gone is void, one whose callers are not all gone counts", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: () => sleep(2) });
  stage.lifecycle.deliver({ id: "busy" }, recordingCaller([], "busy"));
  stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "x", { isGone: () => true }));
  stage.lifecycle.deliver({ id: "y" }, recordingCaller(log, "y gone", { isGone: () => true }));
  stage.lifecycle.deliver({ id: "y" }, recordingCaller(log, "y here", { isGone: () => false }));
  await sleep(40);
  assert.deepEqual(log, ["y gone: ready", "y here: ready", "y gone: continued", "y here: continued"]);
});

test("a reply that reaches nobody holds nobody: the checkpoint is refused, and says why", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.lifecycle.resources.add(recorder(log, "a"));
  stage.onHold = () => void log.push("held");
  const full: Caller = {
    reply: ({ reply }) => {
      log.push(`no room for ${reply}`);
      throw new Error("the disk is full");
    },
    outcome: (outcome) => void log.push(outcome),
  };
  stage.lifecycle.deliver({ id: "x" }, full);
  await turns();
  assert.deepEqual(log, ["before a", "no room for ready", "no room for refused", "after a", "aborted"]);
  assert.match((stage.reports[0] as Error).message, /the disk is full/);
  const { state, reply, round } = stage.published[2] as Published;
  assert.deepEqual(
    [state, reply, round.readyAt],
    ["recovering", { reply: "refused", reasons: ["the disk is full"] }, undefined],
  );
  assert.equal((await stage.deliver({ id: "y" })).outcome, "continued");
});

test("a reply that cannot be delivered stops neither the hold nor the other replies", async () => {
  const stage = createStage();
  const log: string[] = [];
  let held = 0;
  stage.onHold = () => void held++;
  const failing = {
    reply: () => {
      throw new Error("EPIPE");
    },
  };
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: () => sleep(1) });
  stage.lifecycle.deliver({ id: "x" }, failing);
  stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "other"));
  await sleep(20);
  assert.equal(held, 1);
  assert.deepEqual(log, ["other: ready", "other: continued"]);
});

test("a caller that comes while everything is rebuilt is not told that the app is held, and gets the outcome", async () => {
  const stage = createStage();
  const log: string[] = [];
  let comes = true;
  stage.lifecycle.resources.add({
    name: "a",
    afterRestore() {
      if (comes) stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "late"));
      comes = false;
    },
  });
  await stage.deliver({ id: "x" });
  await turns();
  assert.deepEqual(log, ["late: refused", "late: continued"]);
});

test("a caller that comes while the app is held is told so, and gets the outcome", async () => {
  const stage = createStage();
  const log: string[] = [];
  stage.onHold = () => stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "second"));
  await stage.deliver({ id: "x" });
  await turns();
  assert.deepEqual(log, ["second: ready", "second: continued"]);
});

test("a notice without answer is not remembered: the same id works later", async () => {
  const stage = createStage();
  stage.withdrawn.add("x");
  stage.lifecycle.deliver({ id: "x" }, recordingCaller([], "void"));
  await turns();
  stage.withdrawn.clear();
  assert.equal((await stage.deliver({ id: "x" })).reply.reply, "ready");
});
