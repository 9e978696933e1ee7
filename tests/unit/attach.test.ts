import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { attach } from "../../attach.ts";
import { openLibc } from "../../ffi/libc.ts";
import type { Resource } from "../../lifecycle/types.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { register } from "../../registry.ts";
import { file } from "../../strategies/file/agent.ts";
import { signal } from "../../strategies/signal/agent.ts";
import { socket } from "../../strategies/socket/agent.ts";
import type { Strategy } from "../../strategies/strategy.ts";
import { signalSelf } from "../support/calls.ts";
import { countDescriptors } from "../support/descriptors.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

const SIGURG = 23;
const descriptors = (): number => countDescriptors(/memfd|inotify|pipe|socket/);

const kill = (): Promise<void> => signalSelf(SIGURG);

test("an attached process is running, of generation 0, and was never restored", async () => {
  await using agent = await attach({ strategies: [signal()] });
  assert.deepEqual(
    [agent.state, agent.generation, agent.restoredAt, agent.lastOutcome],
    ["running", 0, undefined, undefined],
  );
});

test("a time that is none is refused, and the process may attach all the same", async () => {
  for (const time of [Number.NaN, -1]) {
    const message = new RegExp(`Ms must be a number of milliseconds, 0 or more, not ${time}`);
    await assert.rejects(attach({ strategies: [], leaseMs: time }), { name: "RangeError", message });
    await assert.rejects(attach({ strategies: [], hookTimeoutMs: time }), { name: "RangeError", message });
    await using agent = await attach({ strategies: [] });
    assert.throws(() => agent.register({ name: "a", timeoutMs: time }), { name: "RangeError", message });
  }
});

test("a lease has an end: one of more than ten minutes is refused", async () => {
  const message = /easeMs must be at most 600000 \(ten minutes\), not (Infinity|600001)/;
  for (const time of [Number.POSITIVE_INFINITY, 600_001]) {
    await assert.rejects(attach({ strategies: [], leaseMs: time }), { name: "RangeError", message });
    assert.throws(() => signal({ bareLeaseMs: time }), { name: "RangeError", message });
  }
  await using _agent = await attach({ strategies: [signal({ bareLeaseMs: 600_000 })], leaseMs: 600_000 });
});

test("a bare kill runs the hooks, and with a lease that ends the checkpoint has continued", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 5 })] });
  const log: string[] = [];
  agent.register({
    name: "a",
    beforeCheckpoint: () => void log.push(agent.state),
    afterRestore: ({ outcome, generation, simulated }) =>
      void log.push(`${agent.state} ${outcome} ${generation} ${simulated}`),
  });
  await kill();
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
  assert.deepEqual(log, ["preparing", "recovering continued 0 false"]);
  assert.deepEqual([agent.state, agent.lastOutcome], ["running", "continued"]);
});

test("each further kill is another checkpoint", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  const ids = new Set<string>();
  agent.register({ name: "a", afterRestore: ({ noticeId }) => void ids.add(noticeId) });
  for (let round = 1; round <= 5; round++) {
    await kill();
    await waitFor("the outcome", () => ids.size === round && agent.state === "running");
  }
});

test("the page says what the process is, and follows its resources", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  using page = await DriverPage.open(process.pid);
  const libc = await openLibc();
  assert.deepEqual(page.document(), {
    runtime: { name: libc.runtime.name, version: libc.runtime.version, startedAt: performance.timeOrigin },
    strategies: [{ kind: "signal", signal: SIGURG }],
    resources: [],
    lastRound: undefined,
  });
  agent.register({ name: "late" });
  agent.register({ name: "early", tier: "runtime" });
  assert.deepEqual(page.document()?.resources, ["early", "late"]);
  await kill();
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
  const round = page.document()?.lastRound;
  assert.equal(round?.outcome, "continued");
  const { noticedAt, readyAt = 0, releasedAt = 0, recoveredAt = 0 } = round;
  assert.ok(noticedAt <= readyAt && readyAt + 1 < releasedAt && releasedAt <= recoveredAt, JSON.stringify(round));
  assert.ok(Math.abs(Date.now() - noticedAt) < 5000);
});

test("a refusal goes to onError and to the page, and nothing is held", async () => {
  const errors: Error[] = [];
  await using agent = await attach({
    strategies: [signal({ bareLeaseMs: 2 })],
    onError: (error) => void errors.push(error),
  });
  using page = await DriverPage.open(process.pid);
  agent.register({ name: "model", beforeCheckpoint: () => Promise.reject(new Error("is training")) });
  const began = performance.now();
  await kill();
  await waitFor("the outcome", () => agent.state === "running" && agent.lastOutcome === "aborted");
  assert.ok(performance.now() - began < 2000);
  assert.deepEqual(page.status().refusal, ["model: is training"]);
  assert.deepEqual(
    errors.map(({ name }) => name),
    ["CheckpointRefusedError"],
  );
});

test("hookTimeoutMs is the time of a hook that names none", async () => {
  const errors: Error[] = [];
  await using agent = await attach({
    strategies: [signal({ bareLeaseMs: 2 })],
    hookTimeoutMs: 7,
    onError: (error) => void errors.push(error),
  });
  agent.register({ name: "slow", beforeCheckpoint: () => new Promise(() => {}) });
  await kill();
  await waitFor("the refusal", () => errors.length > 0);
  assert.match((errors[0] as Error).message, /not done after 7 ms/);
});

test("resources of libraries join, before and after, and leave", async () => {
  using _before = register({ name: "before" });
  await using agent = await attach({ strategies: [signal()] });
  using page = await DriverPage.open(process.pid);
  const after = register({ name: "after" });
  agent.register({ name: "app" });
  assert.deepEqual(page.document()?.resources, ["before", "after", "app"]);
  after[Symbol.dispose]();
  agent.register({ name: "last" });
  assert.deepEqual(page.document()?.resources, ["before", "app", "last"]);
});

test("a resource that cannot be registered is refused by the agent", async () => {
  await using agent = await attach({ strategies: [] });
  const resource: Resource = { name: "a" };
  const registration = agent.register(resource);
  assert.throws(() => agent.register(resource), TypeError);
  assert.throws(() => agent.register({ name: "" }), TypeError);
  registration[Symbol.dispose]();
  agent.register(resource);
});

test("a second attach() throws while the first one holds, and does the first one no harm", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  await assert.rejects(attach({ strategies: [] }), /Cannot attach twice/);
  await assert.rejects(attach({ strategies: [] }), /Cannot attach twice/);
  await kill();
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
});

test("two attach() at once: one wins", async () => {
  const results = await Promise.allSettled([attach({ strategies: [] }), attach({ strategies: [] })]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  for (const result of results) if (result.status === "fulfilled") await result.value[Symbol.asyncDispose]();
});

test("disposal detaches: the page is gone, signals do nothing, and attach() works again", async () => {
  const agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  let hooks = 0;
  agent.register({ name: "a", beforeCheckpoint: () => void hooks++ });
  await agent[Symbol.asyncDispose]();
  assert.equal(agent.state, "detached");
  await assert.rejects(DriverPage.open(process.pid), { name: "PageError", code: "missing" });
  await kill();
  await sleep(20);
  assert.equal(hooks, 0);
  await using again = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  assert.equal(again.state, "running");
});

test("attaching many times leaves nothing behind", async () => {
  using directory = temporaryDirectory();
  const strategies = (): Strategy[] => [
    signal({ signal: "SIGUSR2", bareLeaseMs: 2 }),
    file({ path: `${directory.path}/marker` }),
    socket({ path: `${directory.path}/s` }),
  ];
  const cycle = async (): Promise<void> => {
    await using agent = await attach({ strategies: strategies() });
    await signalSelf(12);
    await waitFor("the outcome", () => agent.lastOutcome === "continued");
  };
  for (let i = 0; i < 3; i++) await cycle();
  await sleep(50);
  const before = descriptors();
  for (let i = 0; i < 25; i++) await cycle();
  await sleep(50);
  assert.ok(descriptors() <= before + 2, `${before} descriptors became ${descriptors()}`);
  assert.deepEqual(readdirSync(directory.path), []);
});

test("a strategy that cannot start rejects attach(), closes what the others opened, and attach() works again", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  const failing: Strategy = {
    kind: "failing",
    start: () => {
      throw new Error("cannot start");
    },
  };
  await (await attach({ strategies: [] }))[Symbol.asyncDispose]();
  await sleep(20);
  const before = descriptors();
  await assert.rejects(attach({ strategies: [socket({ path }), failing] }), /cannot start/);
  await sleep(20);
  assert.ok(descriptors() <= before, "it left a descriptor open");
  assert.deepEqual(readdirSync(directory.path), []);
  await using agent = await attach({ strategies: [socket({ path })] });
  assert.equal(agent.state, "running");
});

test("a worker cannot attach while the main thread is attached, and is told so at once", async () => {
  const ask = async (): Promise<string> => {
    const worker = new Worker(new URL("../support/attaching_worker.ts", import.meta.url), { type: "module" });
    try {
      return await new Promise((resolve) => {
        worker.onmessage = ({ data }: MessageEvent) => resolve(data);
      });
    } finally {
      worker.terminate();
    }
  };
  {
    await using _agent = await attach({ strategies: [] });
    assert.match(await ask(), /^Cannot attach: this process has an agent, in another thread/);
  }
  assert.equal(await ask(), "attached");
});
