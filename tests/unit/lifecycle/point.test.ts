import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckpointRefusedError } from "../../../lifecycle/errors.ts";
import type { Ports } from "../../../lifecycle/ports.ts";
import { createStage, recorder, recordingCaller, type Stage } from "../../support/lifecycle_ports.ts";
import { sleep } from "../../support/time.ts";

/** A lifecycle whose point calls `onPoint` until it is taken; each hold is written down. */
function createPoint(log: string[], onPoint: (stage: Stage) => void): Stage {
  const arm: Ports["arm"] =
    ({ id }, isTaken) =>
    () => {
      log.push(`${isTaken ? "at point" : "held by"} ${id}`);
      if (isTaken) onPoint(stage);
      if (isTaken?.()) log.push("taken");
      return { outcome: isTaken ? "aborted" : "restored", simulated: false };
    };
  const stage = createStage({ arm });
  stage.lifecycle.resources.add(recorder(log, "a"));
  return stage;
}

test("a point of which nobody takes notice ends as its own hold does", async () => {
  const log: string[] = [];
  const { lifecycle } = createPoint(log, () => {});
  assert.equal(await lifecycle.ask({ id: "own" }, { isPoint: true }), "aborted");
  assert.deepEqual(log, ["before a", "at point own", "after a"]);
});

test("the notice that comes at the point is answered at once, and its hold decides", async () => {
  const log: string[] = [];
  const stage = createPoint(log, ({ lifecycle }) => {
    lifecycle.deliver({ id: "x", sentAt: 5 }, recordingCaller(log, "x"));
    lifecycle.deliver({ id: "x" }, recordingCaller(log, "x again"));
    lifecycle.deliver({ id: "y" }, recordingCaller(log, "y"));
  });
  assert.equal(
    await stage.lifecycle.ask({ id: "own" }, { isPoint: true, callers: [recordingCaller(log, "own")] }),
    "restored",
  );
  const first = [
    "before a",
    "own: ready",
    "at point own",
    "x: ready",
    "x again: ready",
    "taken",
    "held by x",
    "after a",
  ];
  assert.deepEqual(log.slice(0, first.length), first);
  assert.equal(stage.lifecycle.generation, 1);
  const held = stage.published
    .filter(({ state }) => state === "held")
    .map(({ round, reply }) => [round.id, reply?.reply]);
  assert.deepEqual(held.slice(0, 2), [
    ["own", "ready"],
    ["x", "ready"],
  ]);
  // The other one has waited, and gets a checkpoint of its own.
  await sleep(5);
  assert.deepEqual(log.slice(first.length), [
    ...["own: restored", "x: restored", "x again: restored"],
    ...["before a", "y: ready", "held by y", "after a", "y: restored"],
  ]);
});

test("a notice that is void, or whose sender has gone, is no notice at the point", async () => {
  const log: string[] = [];
  const stage = createPoint(log, ({ lifecycle, withdrawn }) => {
    withdrawn.add("withdrawn");
    lifecycle.deliver({ id: "late", deadline: 1 }, recordingCaller(log, "late"));
    lifecycle.deliver({ id: "withdrawn" }, recordingCaller(log, "withdrawn"));
    lifecycle.deliver({ id: "gone" }, recordingCaller(log, "gone", { isGone: () => true }));
  });
  await stage.lifecycle.ask({ id: "own" }, { isPoint: true });
  assert.deepEqual(log, ["before a", "at point own", "after a"]);
});

test("where the hold of a notice cannot be armed the app stays at its point", async () => {
  const log: string[] = [];
  const arm: Ports["arm"] = ({ id }, isTaken) => {
    if (id === "x") throw new Error("no more descriptors");
    return () => {
      stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "x"));
      log.push(String(isTaken?.()));
      return { outcome: "continued", simulated: false };
    };
  };
  const stage = createStage({ arm });
  assert.equal(await stage.lifecycle.ask({ id: "own" }, { isPoint: true }), "continued");
  assert.deepEqual(log, ["false"]);
});

test("after the point a notice is one like any other", async () => {
  const log: string[] = [];
  const stage = createPoint(log, () => {});
  stage.lifecycle.resources.add({ name: "slow", afterRestore: () => sleep(5) });
  const point = stage.lifecycle.ask({ id: "own" }, { isPoint: true });
  stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "x"));
  await point;
  assert.deepEqual(log, ["before a", "at point own", "after a"]);
  await sleep(30);
  assert.deepEqual(log.slice(3), ["before a", "x: ready", "held by x", "after a", "x: restored"]);
});

test("what refuses a point reaches whoever asked for it, and the report", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({
    name: "a",
    beforeHold: () => {
      throw new Error("no");
    },
  });
  const error = await stage.lifecycle.ask({ id: "own" }, { isPoint: true }).catch((error) => error);
  assert.ok(error instanceof CheckpointRefusedError);
  assert.deepEqual(stage.reports, [error]);
});

test("what the app asks for itself meanwhile waits until the point is over, and never takes it", async () => {
  const log: string[] = [];
  const stage = createPoint(log, () => {});
  const { lifecycle } = stage;
  const later: Promise<unknown>[] = [];
  // Asked when a round has ended, and the next one has not begun.
  const outcome = (): void => {
    for (const id of ["first", "second"]) later.push(lifecycle.ask({ id }, { isPoint: true }));
  };
  await new Promise<void>((resolve) => {
    lifecycle.deliver({ id: "x" }, { reply() {}, outcome: () => resolve(outcome()) });
  });
  assert.deepEqual(await Promise.all(later), ["aborted", "aborted"]);
  assert.deepEqual(
    log.filter((line) => /^(at|held)/.test(line)),
    ["held by x", "at point first", "at point second"],
  );
});
