/** Restores that nobody has announced, of an app that was not held: the signs of the kernel are played. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecoveryError } from "../../../lifecycle/errors.ts";
import type { RestoreContext } from "../../../lifecycle/types.ts";
import { createStage, recorder, recordingCaller, type Stage } from "../../support/lifecycle_ports.ts";
import { turns } from "../../support/time.ts";

/** A stage whose process is restored by `restore()`: each is found once, as by the kernel's signs. */
function createUnheld(): Stage & { restore(at?: number): void } {
  let found: number | undefined;
  const stage = createStage({
    findRestore() {
      const at = found;
      found = undefined;
      return at;
    },
  });
  return Object.assign(stage, {
    restore(at = 900_000) {
      found = at;
    },
  });
}

const told = (log: string[], name: string) => ({
  afterRestore: ({ outcome, unprepared, generation }: RestoreContext) =>
    void log.push(`${name}: ${outcome} ${generation}${unprepared ? " unprepared" : ""}`),
});

test("every afterRestore runs once, in order, and is told that nothing was prepared", async () => {
  const stage = createUnheld();
  const { lifecycle } = stage;
  const log: string[] = [];
  lifecycle.resources.add(recorder(log, "app", told(log, "app")));
  lifecycle.resources.add(recorder(log, "runtime", { tier: "runtime", ...told(log, "runtime") }));
  lifecycle.work();
  assert.equal(lifecycle.state, "running");
  stage.restore(900_000);
  lifecycle.work();
  assert.equal(lifecycle.state, "recovering");
  lifecycle.work();
  await turns();
  assert.deepEqual(log, ["runtime: restored 1 unprepared", "app: restored 1 unprepared"]);
  assert.deepEqual(
    stage.published.map(({ state, round, reply }) => [state, round.id, round.outcome, reply]),
    [
      ["recovering", "restore-1", "restored", undefined],
      ["running", "restore-1", "restored", undefined],
    ],
  );
  const { generation, restoredAt, lastOutcome, launch, state } = lifecycle;
  assert.deepEqual([generation, restoredAt, lastOutcome, launch, state], [1, 900_000, "restored", {}, "running"]);
  stage.restore(950_000);
  lifecycle.work();
  await turns();
  assert.deepEqual([lifecycle.generation, lifecycle.restoredAt, log.length], [2, 950_000, 4]);
});

test("synchronous hooks run before the look returns, and what cannot be rebuilt is reported", async () => {
  const stage = createUnheld();
  const log: string[] = [];
  stage.lifecycle.resources.add(recorder(log, "one", told(log, "one")));
  const fails = (): void => {
    throw new Error("no route");
  };
  stage.lifecycle.resources.add(recorder(log, "two", { afterRestore: fails }));
  stage.restore();
  stage.lifecycle.work();
  assert.deepEqual(log, ["one: restored 1 unprepared"]);
  await turns();
  assert.deepEqual(
    stage.lifecycle.lastErrors.map(({ message }) => message),
    ["two: no route"],
  );
  assert.equal((stage.reports[0] as RecoveryError).outcome, "restored");
  assert.deepEqual(stage.published.at(-1)?.round.errors, [{ resource: "two", message: "no route" }]);
});

test("a notice that comes first finds everything rebuilt before it is prepared for", async () => {
  const stage = createUnheld();
  const log: string[] = [];
  stage.lifecycle.resources.add(recorder(log, "a", told(log, "a")));
  stage.restore();
  const { outcome } = await stage.deliver({ id: "n" });
  assert.equal(outcome, "continued");
  assert.deepEqual(log, ["a: restored 1 unprepared", "before a", "a: continued 1"]);
});

test("a hold that says restored is not told again", async () => {
  const stage = createUnheld();
  const log: string[] = [];
  stage.lifecycle.resources.add(recorder(log, "a", told(log, "a")));
  stage.release = { outcome: "restored", simulated: false };
  stage.onHold = () => stage.restore();
  await stage.deliver({ id: "n" });
  stage.lifecycle.work();
  await turns();
  assert.deepEqual(log, ["before a", "a: restored 1"]);
  assert.equal(stage.lifecycle.generation, 1);
});

test("a played restore hides no real one", async () => {
  const stage = createUnheld();
  stage.release = { outcome: "restored", simulated: true };
  stage.onHold = () => stage.restore();
  await stage.deliver({ id: "n" });
  await turns();
  assert.deepEqual([stage.lifecycle.generation, stage.lifecycle.restoredAt], [1, 900_000]);
});

test("a hold that did not see the restore is followed by it", async () => {
  const stage = createUnheld();
  const log: string[] = [];
  stage.lifecycle.resources.add(recorder(log, "a", told(log, "a")));
  stage.onHold = () => {
    stage.restore();
    stage.lifecycle.work();
  };
  await stage.deliver({ id: "n" });
  await turns();
  assert.deepEqual(log, ["before a", "a: continued 0", "a: restored 1 unprepared"]);
});

test("dumped by somebody else in the middle of its hooks, the copy is not held, and is told what it is", async () => {
  const stage = createUnheld();
  const { lifecycle } = stage;
  const log: string[] = [];
  stage.onHold = () => log.push("held");
  const late = recorder(log, "late", told(log, "late"));
  lifecycle.resources.add(
    recorder(log, "a", {
      ...told(log, "a"),
      async beforeCheckpoint() {
        log.push("before a");
        lifecycle.resources.add(late);
        await turns(1);
        stage.restore();
        lifecycle.work();
        // Nobody of the life before counts any more.
        stage.now += 10_000;
      },
    }),
  );
  lifecycle.resources.add(
    recorder(log, "b", {
      ...told(log, "b"),
      beforeCheckpoint() {
        throw new Error("not now");
      },
    }),
  );
  const asked = lifecycle.ask({ id: "n", deadline: stage.now + 1000 }, { callers: [recordingCaller(log, "driver")] });
  assert.equal(await asked, "restored");
  assert.deepEqual(log, [
    "before a",
    "a: restored 1",
    "b: restored 1",
    "late: restored 1 unprepared",
    "driver: restored",
  ]);
  assert.deepEqual(
    stage.published.map(({ state, reply }) => [state, reply]),
    [
      ["preparing", undefined],
      ["recovering", undefined],
      ["running", undefined],
    ],
  );
  assert.deepEqual([lifecycle.generation, lifecycle.lastOutcome, stage.reports.length], [1, "restored", 0]);
});

test("restored once more while it is being rebuilt, it is rebuilt once more", async () => {
  const stage = createUnheld();
  const log: string[] = [];
  let restores = 0;
  stage.lifecycle.resources.add({
    name: "a",
    async afterRestore({ generation }) {
      log.push(`a ${generation}`);
      await turns(1);
      if (++restores < 3) stage.restore(900_000 + restores);
      stage.lifecycle.work();
    },
  });
  stage.restore();
  stage.lifecycle.work();
  await turns(20);
  assert.deepEqual(log, ["a 1", "a 2", "a 3"]);
  assert.deepEqual([stage.lifecycle.generation, stage.lifecycle.restoredAt], [3, 900_002]);
});

test("a withdrawn notice of the same name does not hide it", async () => {
  const stage = createUnheld();
  stage.withdrawn.add("restore-1");
  stage.restore();
  stage.lifecycle.work();
  await turns();
  assert.equal(stage.lifecycle.generation, 1);
});
