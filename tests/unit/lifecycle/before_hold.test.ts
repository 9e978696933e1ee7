import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResourceError } from "../../../lifecycle/errors.ts";
import { createStage, recorder, recordingCaller } from "../../support/lifecycle_ports.ts";

test("beforeHold is the last before the answer, in the order of preparation, and nothing runs until the outcome", async () => {
  const log: string[] = [];
  const stage = createStage();
  stage.onHold = () => void log.push("held");
  const last = (name: string): object => ({
    beforeHold: () => {
      log.push(`last ${name}`);
      queueMicrotask(() => log.push(`turn after ${name}`));
    },
  });
  stage.lifecycle.resources.add(recorder(log, "app", last("app")));
  stage.lifecycle.resources.add(recorder(log, "runtime", { tier: "runtime", ...last("runtime") }));
  await new Promise<void>((resolve) => {
    const caller = recordingCaller(log, "driver", { outcome: () => resolve() });
    stage.lifecycle.deliver({ id: "a", criuOptions: ["tcpClose"] }, caller);
  });
  assert.deepEqual(log, [
    "before app",
    "before runtime",
    "last app",
    "last runtime",
    "driver: ready",
    "held",
    "after runtime",
    "after app",
    "turn after app",
    "turn after runtime",
  ]);
});

test("beforeHold learns of the notice what beforeCheckpoint learns", async () => {
  const stage = createStage();
  let seen: object | undefined;
  stage.lifecycle.resources.add({
    name: "one",
    beforeHold(context) {
      seen = context;
    },
  });
  await stage.deliver({ id: "a", criuOptions: ["tcpClose"] });
  assert.deepEqual(seen, { noticeId: "a", criuOptions: ["tcpClose"] });
});

test("a beforeHold that throws refuses, all others still get their turn, and everything is rebuilt", async () => {
  const log: string[] = [];
  const stage = createStage();
  stage.onHold = () => void log.push("held");
  stage.lifecycle.resources.add(recorder(log, "other", { beforeHold: () => void log.push("last other") }));
  const fails = (): void => {
    throw new Error("a socket is still there");
  };
  stage.lifecycle.resources.add(recorder(log, "one", { beforeHold: fails }));
  const { reply, outcome } = await stage.deliver({ id: "a" });
  assert.deepEqual(reply, { reply: "refused", reasons: ["one: a socket is still there"] });
  assert.equal(outcome, "aborted");
  assert.deepEqual(log, ["before one", "before other", "last other", "after other", "after one"]);
  const [error] = (stage.reports[0] as AggregateError).errors as ResourceError[];
  assert.equal(error?.hook, "beforeHold");
});

test("a beforeHold that returns a promise refuses, and its rejection harms nobody", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({
    name: "one",
    beforeHold: (async () => {
      throw new Error("later");
    }) as () => void,
  });
  const { reply } = await stage.deliver({ id: "a" });
  assert.match(JSON.stringify(reply), /one: beforeHold returned a promise: it must be done when it returns/);
  await new Promise((resolve) => setTimeout(resolve, 5));
});

test("beforeHold does not run when something has refused already", async () => {
  const log: string[] = [];
  const stage = createStage();
  stage.lifecycle.resources.add({ name: "one", beforeHold: () => void log.push("last") });
  stage.lifecycle.resources.add({ name: "two", beforeCheckpoint: () => Promise.reject(new Error("no")) });
  await stage.deliver({ id: "a" });
  assert.deepEqual(log, []);
});

test("a beforeHold that blocks until the driver no longer waits refuses", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({
    name: "one",
    beforeHold() {
      stage.now += 5000;
    },
  });
  const { reply } = await stage.deliver({ id: "a", deadline: stage.now + 1000 });
  assert.deepEqual(reply, { reply: "refused", reasons: ["nobody waits for it any more"] });
});
