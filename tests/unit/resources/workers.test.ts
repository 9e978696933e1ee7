/** Workers that have joined prepare, stand still from the last hook before the dump to the outcome, and are told it. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { afterEach, test } from "node:test";
import { uniqueness } from "criu-aware/resources/uniqueness";
import { workers as createWorkers, type WorkersError } from "criu-aware/resources/workers";
import { joinWorker } from "criu-aware/worker";
import { readOrEmpty } from "../../../ffi/read_or_empty.ts";
import { workerThreads } from "../../../ffi/worker_threads.ts";
import type { Resource } from "../../../lifecycle/types.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { holdContext, prepare, recover } from "../../support/hooks.ts";
import { startJoined, startWorker, type TestWorker, workerKinds } from "../../support/joining.ts";
import { sleep, waitFor } from "../../support/time.ts";

const made: Resource[] = [];
const workers: typeof createWorkers = (options) => {
  const resource = createWorkers(options);
  made.push(resource);
  return resource;
};
afterEach(async () => {
  // A test that has failed would hold the workers of the next.
  for (const resource of made.splice(0)) await recover(resource, "aborted");
});

/** Everything that a worker opens when it joins. */
const countOpen = (): number => countDescriptors(/criu-aware-worker:|^pipe:|^socket:/);

function countThreads(name: RegExp): number {
  const names = readdirSync("/proc/self/task").map((id) => readOrEmpty(`/proc/self/task/${id}/comm`).trimEnd());
  return names.filter((one) => name.test(one)).length;
}

async function standStill(all: readonly TestWorker[]): Promise<void> {
  const before = all.map(({ ticks }) => ticks);
  await sleep(30);
  assert.deepEqual(
    all.map(({ ticks }) => ticks),
    before,
  );
}

for (const kind of workerKinds) {
  test(`a ${kind} that has joined prepares, stands still, is told the outcome, and goes on`, async () => {
    await using one = await startJoined({ name: "one" }, kind);
    await using other = await startJoined({}, kind);
    const resource = workers();
    let n = 0;
    for (const outcome of ["restored", "continued", "aborted", "restored"] as const) {
      await prepare(resource);
      await standStill([one, other]);
      const ticks = [one.ticks, other.ticks];
      await recover(resource, outcome);
      await Promise.all([one.goesOn(), other.goesOn()]);
      n++;
      for (const [index, worker] of [one, other].entries()) {
        const before = await worker.event("before", n);
        const after = await worker.event("after", n);
        assert.deepEqual(before.criuOptions, ["tcpClose"]);
        assert.match(String(before.noticeId), /^n\d+$/);
        assert.deepEqual(after, {
          event: "after",
          outcome,
          generation: 1,
          frozen: true,
          simulated: false,
          ticks: ticks[index],
        });
      }
    }
  });
}

test("a hook of a worker that fails refuses the checkpoint, names the worker, and both are rolled back", async () => {
  await using failing = await startJoined({ name: "thumbnails", before: "fails" });
  await using other = await startJoined();
  const resource = workers();
  await assert.rejects(prepare(resource), {
    name: "WorkersError",
    message: "worker thumbnails: cache: the disk is full",
  });
  await recover(resource, "aborted");
  await Promise.all([failing.goesOn(), other.goesOn()]);
  for (const worker of [failing, other]) {
    await worker.event("after");
    assert.deepEqual(
      worker.named("after").map(({ outcome }) => outcome),
      ["aborted"],
    );
  }
});

test("a hook of a worker has its time, and that of the hook of the main thread at most", async () => {
  await using slow = await startJoined({ name: "slow", before: "hangs", hookTimeoutMs: 50 });
  const resource = workers();
  await assert.rejects(
    prepare(resource),
    /^WorkersError: worker slow: cache: beforeCheckpoint was not done after 50 ms/,
  );
  await recover(resource, "aborted");
  await using slower = await startJoined({ name: "slower", before: "hangs" });
  await assert.rejects(
    prepare(resource, undefined, 1000),
    /worker slower: cache: beforeCheckpoint was not done after \d+ ms/,
  );
  await recover(resource, "aborted");
  await Promise.all([slow.goesOn(), slower.goesOn()]);
});

test("what a worker cannot rebuild is an error of the recovery that names it, also when it takes long", async () => {
  await using failing = await startJoined({ name: "thumbnails", after: "fails" });
  await using slow = await startJoined({ name: "slow", after: "waits" });
  await using hanging = await startJoined({ name: "hanging", after: "hangs", hookTimeoutMs: 100 });
  const resource = workers();
  await prepare(resource);
  const error = await Promise.resolve(recover(resource)).then(
    () => undefined,
    (error: WorkersError) => error,
  );
  assert.equal(
    error?.message.replace(/: give .*/, ""),
    "worker thumbnails: cache: the disk is full; worker hanging: cache: afterRestore was not done after 100 ms",
  );
  assert.deepEqual(error?.workers, ["thumbnails", "hanging"]);
  await Promise.all([failing.goesOn(), slow.goesOn(), hanging.goesOn()]);
});

test("a recovery of workers that rebuild nothing is over without a turn of the event loop", async () => {
  await using worker = await startJoined({ plain: true });
  const resource = workers();
  await prepare(resource);
  assert.equal(
    resource.afterRestore?.({
      ...holdContext(),
      outcome: "restored",
      generation: 1,
      simulated: false,
      frozenMs: 1,
      timeoutMs: 1000,
      signal: new AbortController().signal,
    }),
    undefined,
  );
  await worker.goesOn();
});

test("a worker that is busy is waited for as long as the hook may take, is named, and goes on when it was in vain", async () => {
  await using worker = await startJoined({ name: "busy" });
  const resource = workers();
  worker.tell("block");
  await worker.event("block");
  await assert.rejects(
    prepare(resource, undefined, 100),
    /^WorkersError: worker busy: it does not stand still: .* 90 ms/,
  );
  await recover(resource, "aborted");
  worker.unblock();
  await worker.goesOn();
  assert.deepEqual(worker.named("before"), []);
  await prepare(resource);
  await standStill([worker]);
  await recover(resource);
  await worker.goesOn();
});

for (const order of ["workers, uniqueness", "uniqueness, workers", "uniqueness"] as const) {
  test(`with ${order} the workers go on once, after everything has new seeds`, async () => {
    await using worker = await startJoined();
    const made: Record<string, () => Resource> = {
      workers,
      uniqueness: () => uniqueness({ reset: () => void atReset.push(worker.ticks) }),
    };
    const atReset: number[] = [];
    const resources = order.split(", ").map((name) => (made[name] as () => Resource)());
    for (const resource of resources.toReversed()) await prepare(resource);
    await standStill([worker]);
    const before = worker.ticks;
    for (const resource of resources) await recover(resource);
    assert.deepEqual(atReset, [before]);
    await worker.goesOn();
    assert.deepEqual(worker.named("after").length, 1);
  });
}

test("a worker that comes while workers are held waits until that is over, and then joins", async () => {
  const resource = workers();
  await prepare(resource);
  await using late = await startWorker();
  late.tell({ join: new Int32Array() });
  await sleep(500);
  assert.deepEqual(late.named("joined"), []);
  await recover(resource);
  await late.event("joined");
  await late.goesOn();
  assert.deepEqual(late.named("before"), []);
  await prepare(resource);
  await standStill([late]);
  await recover(resource);
});

test("with strict, a worker that has not joined refuses the checkpoint and is named, also one that has just been started", async () => {
  const resource = workers({ strict: true });
  await using joined = await startJoined();
  await prepare(resource);
  resource.beforeHold?.(holdContext());
  await recover(resource);
  for (const [kind, called] of [
    ["Worker", ""],
    ["node:worker_threads", ""],
    ["Worker", "image sizes"],
  ] as const) {
    await using other = await startWorker(kind, called);
    await assert.rejects(
      prepare(resource),
      /^WorkersError: a worker has not joined, and would run on while the app is held: thread \d+ \(.*\)\. Call joinWorker\(\)/,
    );
    assert.throws(() => resource.beforeHold?.(holdContext()), /a worker has not joined/);
    await recover(resource, "aborted");
    other.tell("idle");
    await other.event("idle");
  }
  await waitFor("those workers to end", () => countThreads(/^(Worker|worker-\d+|image sizes)$/) === 1, 30_000);
  await prepare(resource);
  await recover(resource);
  await joined.goesOn();
});

test("a worker that joins twice has one agent, with the resources of both", async () => {
  await using worker = await startJoined();
  worker.tell("again");
  assert.equal((await worker.event("again")).isSame, true);
  const resource = workers();
  await prepare(resource);
  await recover(resource);
  await worker.event("second");
  assert.equal(worker.named("before").length, 1);
});

test("a worker that has left is not stopped, leaves nothing behind, and can join again", async () => {
  const resource = workers();
  await using worker = await startWorker();
  // What those before it have left is cleared away.
  await prepare(resource);
  await recover(resource);
  const before = countOpen();
  worker.tell({ join: new Int32Array() });
  await worker.event("joined");
  assert.ok(countOpen() > before);
  worker.tell("leave");
  await worker.event("leave");
  await waitFor("its descriptors to be closed", () => countOpen() <= before);
  await prepare(resource);
  await worker.goesOn();
  await recover(resource);
  worker.tell("again");
  await worker.event("again");
  await prepare(resource);
  await standStill([worker]);
  await recover(resource);
});

test("workers that have ended are not waited for, and what they have left is closed", async () => {
  const resource = workers();
  // What the runtime opens with the first worker stays.
  await (await startJoined())[Symbol.asyncDispose]();
  await sleep(100);
  await prepare(resource);
  await recover(resource);
  const before = countOpen();
  for (const kind of workerKinds) await (await startJoined({}, kind))[Symbol.asyncDispose]();
  await waitFor("them to end", () => workerThreads("self").joined.length === 0);
  assert.ok(countOpen() > before);
  await prepare(resource);
  await recover(resource);
  await waitFor(`their descriptors to be closed`, () => countOpen() <= before);
});

test("a worker of a worker is held as well", async () => {
  await using worker = await startJoined();
  worker.tell("nest");
  await worker.event("nested joined");
  const resource = workers({ strict: true });
  await prepare(resource);
  await standStill([worker]);
  await recover(resource);
  await worker.event("nested after");
});

test("a worker that is ended while it is held is not waited for", async () => {
  await using worker = await startJoined();
  await using other = await startJoined();
  const resource = workers();
  await prepare(resource);
  void worker[Symbol.asyncDispose]();
  // In Deno it ends once it is let go.
  await sleep(50);
  await recover(resource);
  await waitFor("it to end", () => workerThreads("self").joined.length === 1);
  await other.goesOn();
});

test("many workers are held", { timeout: 60_000 }, async () => {
  // Deno takes long to start one.
  const length = "Deno" in globalThis ? 8 : 20;
  const all = await Promise.all(Array.from({ length }, () => startJoined()));
  const resource = workers();
  await prepare(resource);
  await standStill(all);
  await recover(resource);
  await Promise.all(all.map((worker) => worker.goesOn()));
  for (const worker of all) await worker[Symbol.asyncDispose]();
});

test("the main thread cannot join", async () => {
  await assert.rejects(joinWorker(), /^Error: Cannot join: this is the main thread/);
});
