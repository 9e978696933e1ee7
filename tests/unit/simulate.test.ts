import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CheckpointRefusedError, RecoveryError } from "../../lifecycle/errors.ts";
import type { Resource, RestoreContext } from "../../lifecycle/types.ts";
import { register, sharedRegistry } from "../../registry.ts";
import { attach, type SimulatedAgent } from "../../simulate.ts";
import { recorder } from "../support/lifecycle_ports.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep } from "../support/time.ts";

const root = join(import.meta.dirname as string, "../..");

const failing = (name: string): Resource => ({
  name,
  beforeCheckpoint: () => {
    throw new Error(`${name} is busy`);
  },
});

test("a checkpoint runs every hook in the order of the tiers and is restored, simulated", async () => {
  await using agent = await attach({ strategies: [] });
  assert.deepEqual(
    [agent.state, agent.generation, agent.restoredAt, agent.lastOutcome, agent.lastRound],
    ["running", 0, undefined, undefined, undefined],
  );
  const log: string[] = [];
  const contexts: RestoreContext[] = [];
  agent.register(recorder(log, "app"));
  agent.register(recorder(log, "device", { tier: "device" }));
  agent.register({
    name: "last",
    beforeCheckpoint: () => void log.push(agent.state),
    afterRestore(context) {
      log.push(agent.state);
      contexts.push(context);
    },
  });
  assert.equal(await agent.checkpoint(), "restored");
  assert.deepEqual(log, ["preparing", "before app", "before device", "after device", "after app", "recovering"]);
  const [{ outcome, simulated, generation, noticeId }] = contexts as [RestoreContext];
  assert.deepEqual([outcome, simulated, generation], ["restored", true, 0]);
  assert.deepEqual([agent.state, agent.generation, agent.lastOutcome], ["running", 0, "restored"]);
  assert.equal(agent.restoredAt, undefined);
  const round = agent.lastRound;
  assert.deepEqual([round?.id, round?.outcome, round?.simulated], [noticeId, "restored", true]);
  const times = [round?.sentAt, round?.noticedAt, round?.readyAt, round?.releasedAt, round?.recoveredAt] as number[];
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
});

test("the outcome can be chosen, and none of them counts as a generation", async () => {
  await using agent = await attach({ strategies: [] });
  const seen: string[] = [];
  agent.register({ name: "a", afterRestore: (c) => void seen.push(`${c.outcome} ${c.simulated} ${c.generation}`) });
  for (const outcome of ["continued", "aborted", "restored", "continued"] as const)
    assert.equal(await agent.checkpoint({ outcome }), outcome);
  assert.deepEqual(seen, ["continued true 0", "aborted true 0", "restored true 0", "continued true 0"]);
});

test("a refusal rejects with every reason, everything is rolled back, and the next checkpoint works", async () => {
  const reported: Error[] = [];
  await using agent = await attach({ strategies: [], onError: (error) => void reported.push(error) });
  const outcomes: string[] = [];
  agent.register({ name: "bystander", afterRestore: ({ outcome }) => void outcomes.push(outcome) });
  const registrations = [agent.register(failing("one")), agent.register(failing("other"))];
  const error = await agent.checkpoint().then(assert.fail, (reason: unknown) => reason);
  assert.ok(error instanceof CheckpointRefusedError);
  assert.deepEqual(
    error.errors.map(({ message }) => message),
    ["other: other is busy", "one: one is busy"],
  );
  assert.deepEqual(reported, [error]);
  assert.deepEqual([outcomes, agent.lastOutcome, agent.state], [["aborted"], "aborted", "running"]);
  for (const registration of registrations) registration[Symbol.dispose]();
  assert.equal(await agent.checkpoint(), "restored");
});

test("unless the app says otherwise, what went wrong is printed as its reasons, without stacks and the code around", async () => {
  const printed: unknown[][] = [];
  const { error } = console;
  console.error = (...values) => void printed.push(values);
  try {
    await using agent = await attach({ strategies: [] });
    const registration = agent.register(failing("one"));
    await assert.rejects(agent.checkpoint());
    registration[Symbol.dispose]();
    agent.register({ name: "two", afterRestore: () => Promise.reject(new TypeError("no route")) });
    await agent.checkpoint();
  } finally {
    console.error = error;
  }
  assert.deepEqual(printed, [
    ["CheckpointRefusedError: Cannot checkpoint: one: one is busy"],
    ['RecoveryError: Cannot rebuild everything after "restored": two: no route'],
  ]);
});

test("a hook that outlasts its time refuses", async () => {
  await using agent = await attach({ strategies: [], hookTimeoutMs: 5, onError: () => {} });
  agent.register({ name: "slow", beforeCheckpoint: () => new Promise(() => {}) });
  await assert.rejects(agent.checkpoint(), /slow: beforeCheckpoint was not done after 5 ms/);
});

test("what cannot be rebuilt goes to onError, and a throwing onError does no harm", async () => {
  const reported: Error[] = [];
  await using agent = await attach({
    strategies: [],
    onError(error) {
      reported.push(error);
      throw new Error("as well");
    },
  });
  agent.register({ name: "a", afterRestore: () => Promise.reject(new Error("no")) });
  assert.equal(await agent.checkpoint(), "restored");
  assert.ok(reported[0] instanceof RecoveryError);
  agent.register(failing("b"));
  await assert.rejects(agent.checkpoint(), CheckpointRefusedError);
});

test("strategies are taken and not started", async () => {
  const start = (): never => assert.fail("it was started");
  await using agent = await attach({ strategies: [{ kind: "any", start }] });
  assert.equal(agent.state, "running");
});

test("attach() needs no options", async () => {
  await using agent = await attach();
  assert.equal(await agent.checkpoint(), "restored");
});

test("libraries on the registry take part until the agent is disposed", async () => {
  const log: string[] = [];
  using _before = register(recorder(log, "before"));
  const agent = await attach({ strategies: [] });
  using _after = register(recorder(log, "after"));
  await agent.checkpoint();
  assert.deepEqual(log, ["before after", "before before", "after before", "after after"]);
  await agent[Symbol.asyncDispose]();
  assert.equal(agent.state, "detached");
  assert.equal(sharedRegistry().agents.size, 0);
  await assert.rejects(agent.checkpoint(), /disposed/);
  assert.equal(log.length, 4);
});

test("a checkpoint inside of a hook, and a second one at the same time, reject at once", async () => {
  await using agent = await attach({ strategies: [] });
  const refused: unknown[] = [];
  const ask = async (): Promise<void> => void (await agent.checkpoint().catch((error) => refused.push(error)));
  agent.register({ name: "asks", beforeCheckpoint: ask, afterRestore: ask });
  const first = agent.checkpoint();
  await ask();
  assert.equal(await first, "restored");
  assert.equal(refused.length, 3);
  for (const error of refused) assert.match(String(error), /another checkpoint is under way/);
});

test("checkpoints one after the other, asked for at the first moment, each keep their own outcome", async () => {
  await using agent = await attach({ strategies: [], onError: () => {} });
  const first = agent.checkpoint({ outcome: "aborted" });
  const second = first.then(() => agent.checkpoint({ outcome: "continued" }));
  assert.deepEqual(await Promise.all([first, second]), ["aborted", "continued"]);
});

test("nothing runs between the last hook of the preparation and the first one of the recovery", async () => {
  await using agent = await attach({ strategies: [] });
  const log: string[] = [];
  agent.register({
    name: "a",
    beforeCheckpoint: async () => {
      await sleep(1);
      setTimeout(() => log.push("timer"), 0);
      log.push("before");
    },
    afterRestore: () => void log.push("after"),
  });
  await agent.checkpoint();
  await sleep(5);
  assert.deepEqual(log, ["before", "after", "timer"]);
});

test("a second attach() throws while the first agent is there", async () => {
  const agent: SimulatedAgent = await attach({ strategies: [] });
  await assert.rejects(attach({ strategies: [] }), /Cannot attach twice/);
  await agent[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
  await using again = await attach({ strategies: [] });
  assert.equal(again.state, "running");
});

test("it bundles for a browser: no FFI, no module of a runtime", () => {
  using directory = temporaryDirectory();
  const out = join(directory.path, "out.js");
  const flags = ["--target=browser", `--outfile=${out}`];
  execFileSync(join(root, "node_modules/.bin/bun"), ["build", join(root, "simulate.ts"), ...flags], {
    stdio: "ignore",
  });
  const text = readFileSync(out, "utf8");
  assert.match(text, /beforeCheckpoint/);
  assert.doesNotMatch(text, /dlopen|node:|bun:|memfd|process\./);
});

test("it works in Deno without any permission", () => {
  using directory = temporaryDirectory();
  const script = join(directory.path, "app.ts");
  writeFileSync(
    script,
    `import { attach } from ${JSON.stringify(join(root, "simulate.ts"))};
     await using agent = await attach({ strategies: [] });
     console.log(await agent.checkpoint());`,
  );
  const [deno] = runCommand.deno as [string];
  const flags = ["run", "--no-prompt", "--no-check", "--no-lock", script];
  assert.equal(execFileSync(deno, flags, { encoding: "utf8", cwd: root }), "restored\n");
});

test("resources can be given as to the real attach(), and a bad one leaves nothing attached", async () => {
  const log: string[] = [];
  await assert.rejects(attach({ strategies: [], resources: [{ name: "" }] }), TypeError);
  await using agent = await attach({ strategies: [], resources: [recorder(log, "given")] });
  await agent.checkpoint();
  assert.deepEqual(log, ["before given", "after given"]);
});

test("a point is over at once, and goes as a checkpoint does", async () => {
  await using agent = await attach();
  const log: string[] = [];
  const taken = agent.register(recorder(log, "a"));
  assert.equal(await agent.point({ timeoutMs: 5 }), "restored");
  assert.equal(await agent.point({ outcome: "continued" }), "continued");
  assert.deepEqual(log, ["before a", "after a", "before a", "after a"]);
  assert.deepEqual([agent.generation, agent.lastRound?.simulated], [0, true]);
  await assert.rejects(agent.point({ timeoutMs: Number.NaN }), RangeError);
  await assert.rejects(agent.point({ signal: AbortSignal.abort(new Error("early")) }), /early/);
  const controller = new AbortController();
  taken[Symbol.dispose]();
  agent.register({ name: "slow", beforeCheckpoint: () => controller.abort(new Error("too slow")) });
  await assert.rejects(agent.point({ signal: controller.signal }), /^Error: too slow$/);
});
