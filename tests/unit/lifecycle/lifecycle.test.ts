import assert from "node:assert/strict";
import { test } from "node:test";
import type { RestoreContext } from "../../../lifecycle/types.ts";
import { createStage, recorder } from "../../support/lifecycle_ports.ts";
import { sleep } from "../../support/time.ts";

test("beforeCheckpoint runs from the app tier down to the runtime tier, afterRestore the other way", async () => {
  const stage = createStage();
  const log: string[] = [];
  for (const tier of ["connection", "runtime", "app", "device"] as const) {
    stage.lifecycle.resources.add(recorder(log, tier, { tier }));
  }
  stage.onHold = () => log.push("hold");
  await stage.deliver({ id: "a" });
  assert.deepEqual(log, [
    "before app",
    "before connection",
    "before device",
    "before runtime",
    "hold",
    "after runtime",
    "after device",
    "after connection",
    "after app",
  ]);
});

test("inside a tier beforeCheckpoint runs in reverse order of registration, afterRestore in order", async () => {
  const stage = createStage();
  const log: string[] = [];
  for (const name of ["first", "second", "third"]) stage.lifecycle.resources.add(recorder(log, name));
  await stage.deliver({ id: "a" });
  assert.deepEqual(log, [
    "before third",
    "before second",
    "before first",
    "after first",
    "after second",
    "after third",
  ]);
});

test("an asynchronous hook is over before the next one begins", async () => {
  const stage = createStage();
  const log: string[] = [];
  const slow = (name: string) => async (): Promise<void> => {
    log.push(`${name} begins`);
    await sleep(5);
    log.push(`${name} ends`);
  };
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: slow("before a"), afterRestore: slow("after a") });
  stage.lifecycle.resources.add({ name: "b", beforeCheckpoint: slow("before b"), afterRestore: slow("after b") });
  await stage.deliver({ id: "a" });
  const names = ["before b", "before a", "after a", "after b"];
  assert.deepEqual(
    log,
    names.flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});

test("synchronous hooks, the reply and the hold follow each other without any promise job between", async () => {
  const stage = createStage();
  let jobs = 0;
  let running = true;
  const seen: number[] = [];
  const look = (): void => void seen.push(jobs);
  for (const name of ["a", "b", "c"]) {
    stage.lifecycle.resources.add({ name, beforeCheckpoint: look, afterRestore: look });
  }
  stage.onHold = look;
  const spin = (async () => {
    while (running) {
      await undefined;
      jobs++;
    }
  })();
  await undefined;
  stage.lifecycle.deliver(
    { id: "a" },
    {
      reply: look,
      outcome: () => {
        running = false;
      },
    },
  );
  await spin;
  assert.equal(seen.length, 8);
  assert.equal(new Set(seen).size, 1, `promise jobs ran between: ${seen}`);
  assert.ok(jobs > 0);
});

test("nothing is awaited between the ready reply and the hold, also after asynchronous hooks", async () => {
  const stage = createStage();
  let jobs = 0;
  const seen: number[] = [];
  stage.lifecycle.resources.add({
    name: "a",
    beforeCheckpoint: () => sleep(1),
    afterRestore: () => void seen.push(jobs),
  });
  stage.onHold = () => seen.push(jobs);
  let running = true;
  const spin = (async () => {
    while (running) {
      for (let i = 0; i < 50; i++) {
        await undefined;
        jobs++;
      }
      await sleep(0);
    }
  })();
  await new Promise<void>((resolve) =>
    stage.lifecycle.deliver({ id: "a" }, { reply: () => void seen.push(jobs), outcome: () => resolve() }),
  );
  running = false;
  await spin;
  assert.equal(seen.length, 3);
  assert.ok((seen[0] as number) > 0);
  assert.equal(new Set(seen).size, 1, `promise jobs ran between: ${seen}`);
});

test("a round publishes preparing, held, recovering and running, with what is known by then", async () => {
  const stage = createStage();
  stage.now = 10;
  stage.lifecycle.resources.add({
    name: "a",
    beforeCheckpoint: () => {
      stage.now = 20;
    },
    afterRestore: () => {
      stage.now = 40;
    },
  });
  stage.onHold = () => {
    stage.now = 30;
  };
  await stage.deliver({ id: "a", sentAt: 5 });
  const times = { id: "a", sentAt: 5, noticedAt: 10, readyAt: 20 };
  const ended = { outcome: "continued", simulated: false, releasedAt: 30 };
  assert.deepEqual(stage.published, [
    { state: "preparing", round: { id: "a", sentAt: 5, noticedAt: 10 }, reply: undefined },
    { state: "held", round: times, reply: { reply: "ready" } },
    { state: "recovering", round: { ...times, ...ended }, reply: undefined },
    { state: "running", round: { ...times, ...ended, recoveredAt: 40 }, reply: undefined },
  ]);
});

test("the state can be read at each step", async () => {
  const stage = createStage();
  const states: string[] = [stage.lifecycle.state];
  const look = (): void => void states.push(stage.lifecycle.state);
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: look, afterRestore: look });
  stage.onHold = look;
  await stage.deliver({ id: "a" });
  assert.deepEqual([...states, stage.lifecycle.state], ["running", "preparing", "held", "recovering", "running"]);
});

test("a restore raises the generation, sets restoredAt and tells the hooks", async () => {
  const stage = createStage();
  const contexts: RestoreContext[] = [];
  stage.lifecycle.resources.add({ name: "a", afterRestore: (context) => void contexts.push(context) });
  assert.equal(stage.lifecycle.restoredAt, undefined);
  assert.equal(stage.lifecycle.lastOutcome, undefined);
  stage.release = { outcome: "restored", simulated: false };
  stage.onHold = () => {
    stage.now += 500;
  };
  assert.deepEqual(await stage.deliver({ id: "a" }), { reply: { reply: "ready" }, outcome: "restored" });
  const { outcome, generation, simulated, noticeId, frozenMs, signal } = contexts[0] as RestoreContext;
  assert.deepEqual([outcome, generation, simulated, noticeId, frozenMs], ["restored", 1, false, "a", 500]);
  assert.equal(signal.aborted, false);
  assert.equal(stage.lifecycle.generation, 1);
  assert.equal(stage.lifecycle.restoredAt, 1_000_500);
  assert.equal(stage.lifecycle.lastOutcome, "restored");
  await stage.deliver({ id: "b" });
  assert.equal(contexts[1]?.generation, 2);
});

test("a simulated restore is told to the hooks, and is none: generation and restoredAt stay as they are", async () => {
  const stage = createStage();
  const contexts: RestoreContext[] = [];
  stage.lifecycle.resources.add({ name: "a", afterRestore: (context) => void contexts.push(context) });
  for (const [simulated, generation] of [
    [true, 0],
    [false, 1],
    [true, 1],
  ] as const) {
    stage.release = { outcome: "restored", simulated };
    stage.now += 500;
    await stage.deliver({ id: crypto.randomUUID() });
    const context = contexts.at(-1);
    assert.deepEqual([context?.outcome, context?.simulated, context?.generation], ["restored", simulated, generation]);
    assert.equal(stage.lifecycle.generation, generation);
    assert.equal(stage.lifecycle.restoredAt, generation === 0 ? undefined : 1_001_000);
  }
});

test("a continued checkpoint leaves generation and restoredAt alone", async () => {
  const stage = createStage();
  const { outcome } = await stage.deliver({ id: "a" });
  assert.equal(outcome, "continued");
  assert.equal(stage.lifecycle.lastOutcome, "continued");
  assert.equal(stage.lifecycle.generation, 0);
  assert.equal(stage.lifecycle.restoredAt, undefined);
});

test("a resource that is registered while preparing counts for the next round, one that is taken out still counts", async () => {
  const stage = createStage();
  const log: string[] = [];
  const leaving = stage.lifecycle.resources.add(recorder(log, "leaving"));
  stage.lifecycle.resources.add({
    name: "changing",
    beforeCheckpoint: () => {
      leaving[Symbol.dispose]();
      if (log.length === 0) stage.lifecycle.resources.add(recorder(log, "late"));
    },
  });
  await stage.deliver({ id: "a" });
  assert.deepEqual(log, ["before leaving", "after leaving"]);
  await stage.deliver({ id: "b" });
  assert.deepEqual(log.slice(2), ["before late", "after late"]);
});
