import assert from "node:assert/strict";
import { test } from "node:test";
import { RecoveryError, ResourceError } from "../../../lifecycle/errors.ts";
import { createStage, recorder } from "../../support/lifecycle_ports.ts";

test("every afterRestore runs, and those that fail are reported together", async () => {
  const stage = createStage();
  const log: string[] = [];
  const cause = new Error("no route");
  const throws = (): void => {
    throw cause;
  };
  stage.lifecycle.resources.add(recorder(log, "one", { afterRestore: throws }));
  stage.lifecycle.resources.add(recorder(log, "two", { afterRestore: () => Promise.reject("text") }));
  stage.lifecycle.resources.add(recorder(log, "three"));
  const { outcome } = await stage.deliver({ id: "a" });
  assert.equal(outcome, "continued");
  assert.equal(log.at(-1), "after three");
  const [error, ...others] = stage.reports;
  assert.ok(error instanceof RecoveryError);
  assert.equal(others.length, 0);
  assert.equal(error.outcome, "continued");
  const errors = error.errors as ResourceError[];
  assert.deepEqual(
    errors.map(({ resource, hook, message }) => [resource, hook, message]),
    [
      ["one", "afterRestore", "one: no route"],
      ["two", "afterRestore", "two: text"],
    ],
  );
  assert.equal(errors[0]?.cause, cause);
  assert.ok(errors[0] instanceof ResourceError);
});

test("an afterRestore that outlasts its time is reported, and the next one gets its turn", async () => {
  const stage = createStage();
  const log: string[] = [];
  let aborted = false;
  stage.lifecycle.resources.add({
    name: "slow",
    timeoutMs: 5,
    afterRestore: ({ signal }) =>
      new Promise(() => {
        signal.onabort = () => {
          aborted = true;
        };
      }),
  });
  stage.lifecycle.resources.add(recorder(log, "next"));
  await stage.deliver({ id: "a" });
  assert.equal(aborted, true);
  assert.deepEqual(log, ["before next", "after next"]);
  assert.match(stage.reports[0]?.message ?? "", /slow: afterRestore was not done after 5 ms/);
});

test("what could not be rebuilt is on the round, with the app and with whoever asked, whatever the outcome", async () => {
  for (const outcome of ["restored", "continued", "aborted"] as const) {
    const stage = createStage();
    stage.release = { outcome, simulated: false };
    stage.lifecycle.resources.add({
      name: "one",
      afterRestore: () => {
        throw new Error("no route");
      },
    });
    const asked = await new Promise<readonly ResourceError[]>((resolve) => {
      stage.lifecycle.deliver({ id: "a" }, { reply: () => {}, outcome: (_, errors) => resolve(errors) });
    });
    assert.deepEqual(stage.published.at(-1)?.round.errors, [{ resource: "one", message: "no route" }]);
    assert.deepEqual(stage.lifecycle.lastErrors, asked);
    assert.equal(asked[0]?.message, "one: no route");
  }
});

test("a recovery in which all goes well takes the errors of the last one away", async () => {
  const stage = createStage();
  let fails = true;
  stage.lifecycle.resources.add({ name: "one", afterRestore: () => (fails ? Promise.reject("no") : undefined) });
  await stage.deliver({ id: "a" });
  assert.equal(stage.lifecycle.lastErrors.length, 1);
  fails = false;
  await stage.deliver({ id: "b" });
  assert.deepEqual(stage.lifecycle.lastErrors, []);
  assert.equal(stage.published.at(-1)?.round.errors, undefined);
});
