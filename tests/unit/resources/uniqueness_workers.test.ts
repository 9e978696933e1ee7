/** Workers that have joined stand still from the last hook before the dump to the outcome. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { uniqueness } from "../../../resources/uniqueness/mod.ts";
import { asks, WorkerPage } from "../../../resources/uniqueness/worker_page.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { prepare, recover } from "../../support/hooks.ts";
import { sleep, waitFor } from "../../support/time.ts";

interface Joined extends Disposable {
  readonly ticks: Int32Array;
  tell(message: string): Promise<void>;
}

async function startJoined(): Promise<Joined> {
  const worker = new Worker(new URL("../../support/joined_worker.ts", import.meta.url), { type: "module" });
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  const tell = (message: unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (error) => reject(new Error(error.message));
      worker.postMessage(message);
    });
  await tell(ticks);
  return { ticks, tell, [Symbol.dispose]: () => worker.terminate() };
}

const countPages = (): number => countDescriptors(/criu-aware-worker/);

async function goesOn({ ticks }: Joined): Promise<void> {
  const before = Atomics.load(ticks, 0);
  await waitFor("the worker to go on", () => Atomics.load(ticks, 0) > before);
}

for (const outcome of ["restored", "continued", "aborted"] as const) {
  test(`joined workers stand still until the checkpoint has ${outcome}, and then go on`, async () => {
    using one = await startJoined();
    using other = await startJoined();
    const resource = uniqueness();
    for (let round = 0; round < 3; round++) {
      await prepare(resource);
      const before = [one, other].map(({ ticks }) => Atomics.load(ticks, 0));
      await sleep(30);
      assert.deepEqual(
        [one, other].map(({ ticks }) => Atomics.load(ticks, 0)),
        before,
      );
      await recover(resource, outcome);
      await Promise.all([goesOn(one), goesOn(other)]);
    }
  });
}

test("a worker that is busy is waited for as long as the hook may take, and goes on when it was in vain", async () => {
  using worker = await startJoined();
  const resource = uniqueness();
  await worker.tell("block");
  await assert.rejects(prepare(resource, AbortSignal.timeout(50)), { name: "TimeoutError" });
  await recover(resource, "aborted");
  await goesOn(worker);
  await prepare(resource);
  await recover(resource);
  await goesOn(worker);
});

test("a worker that has joined too late to be stopped is asked to renew its generators after a restore, and only then", async () => {
  const libc = await openLibc();
  for (const [outcome, asked] of [
    ["continued", asks.goOn],
    ["restored", asks.renew],
  ] as const) {
    const resource = uniqueness();
    await prepare(resource);
    const known = WorkerPage.findAll(libc).map(({ fd }) => fd);
    using late = await startJoined();
    await recover(resource, outcome);
    const found = WorkerPage.findAll(libc).filter(({ fd }) => !known.includes(fd));
    assert.deepEqual(
      found.map(({ page }) => page.get("asked")),
      [asked],
    );
    await goesOn(late);
  }
});

test("a worker that has left is not stopped, and leaves nothing behind", async () => {
  const before = countPages();
  using worker = await startJoined();
  assert.equal(countPages(), before + 1);
  await worker.tell("leave");
  assert.equal(countPages(), before);
  const resource = uniqueness();
  await prepare(resource);
  await goesOn(worker);
  await recover(resource);
});

test("a worker that has ended is not waited for, and what it has left is closed", async () => {
  for (let n = 0; n < 3; n++) (await startJoined())[Symbol.dispose]();
  const resource = uniqueness();
  await sleep(200);
  await prepare(resource);
  await recover(resource);
  assert.equal(countPages(), 0);
});
