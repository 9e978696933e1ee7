import assert from "node:assert/strict";
import { test } from "node:test";
import { readiness } from "../../../resources/readiness.ts";
import { attach } from "../../../simulate.ts";

const quiet = { onError: () => {} };

test("it is not ready from before the first hook until after the last, in a simulated round too", async () => {
  await using agent = await attach(quiet);
  const health = readiness(agent);
  const seen: [boolean, string | undefined][] = [];
  const look = (): void => void seen.push([health.ready, health.reason]);
  agent.register({ name: "one", beforeCheckpoint: look, afterRestore: look });
  agent.register({ name: "two", beforeCheckpoint: look, afterRestore: look });
  look();
  await agent.checkpoint();
  look();
  const preparing = [false, "a checkpoint is under way (preparing)"];
  const recovering = [false, "a checkpoint is under way (recovering)"];
  const ready = [true, undefined];
  assert.deepEqual(seen, [ready, preparing, preparing, recovering, recovering, ready]);
});

test("after a recovery that failed it says what is missing, until that is repaired or rebuilt, and repairing counts for that alone", async () => {
  await using agent = await attach(quiet);
  const health = readiness(agent);
  let fails = true;
  agent.register({
    name: "database",
    afterRestore() {
      if (fails) throw new Error("cannot reach postgres://user:word@host");
    },
  });
  await agent.checkpoint({ outcome: "aborted" });
  assert.equal(health.ready, false);
  assert.match(health.reason ?? "", /^not rebuilt: database: cannot reach/);
  health.repaired();
  assert.deepEqual([health.ready, health.reason], [true, undefined]);
  await agent.checkpoint();
  assert.equal(health.ready, false);
  fails = false;
  await agent.checkpoint();
  assert.equal(health.ready, true);
});

test("a probe gets 200 or 503, and of what is missing the names alone", async () => {
  await using agent = await attach(quiet);
  const { handler } = readiness(agent);
  const answer = async (): Promise<[number, string]> => {
    const response = handler();
    assert.equal(response.headers.get("cache-control"), "no-store");
    return [response.status, await response.text()];
  };
  assert.deepEqual(await answer(), [200, "ready\n"]);
  let during: [number, string] | undefined;
  agent.register({
    name: "database",
    async afterRestore() {
      during = await answer();
      throw new Error("cannot reach postgres://user:word@host");
    },
  });
  await agent.checkpoint();
  assert.deepEqual(during, [503, "a checkpoint is under way (recovering)\n"]);
  assert.deepEqual(await answer(), [503, "not rebuilt: database\n"]);
});

test("of an agent that was disposed, what was last counts", async () => {
  const agent = await attach(quiet);
  const health = readiness(agent);
  await agent[Symbol.asyncDispose]();
  assert.equal(health.ready, true);
});
