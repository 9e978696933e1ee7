import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allocateBuffers,
  type BufferOf,
  type Buffers,
  type Device,
  type DType,
  defineState,
  type HostBuffer,
  type HostBufferKind,
  host,
  openState,
  type State,
  scalar,
  tensor,
} from "../../../gpu/mod.ts";
import type { Resource } from "../../../lifecycle/types.ts";
import { gpu } from "../../../resources/gpu.ts";
import { throwsCode } from "../../support/gpu_errors.ts";
import { prepare, recover } from "../../support/hooks.ts";

const schema = defineState({
  weights: tensor("f32", [8, 8]),
  momentum: tensor("f32", [8, 8]),
  model: { bias: tensor("f16", [3]) },
  step: scalar("u32"),
});

/** A host device whose copies happen when it is fenced, as a GPU's do, that counts its buffers and can fail. */
class Fake implements Device<HostBufferKind> {
  readonly kind = "fake";
  readonly live = new Set<unknown>();
  readonly calls: string[] = [];
  /** Throws at the call of this name, or runs at it. */
  at: Record<string, () => void> = {};
  #pending: (() => void)[] = [];
  readonly #host = host();

  allocate<D extends DType>(dtype: D, shape: readonly number[]): BufferOf<HostBufferKind, D> {
    this.#note("allocate");
    const buffer = this.#host.allocate(dtype, shape) as BufferOf<HostBufferKind, D>;
    this.live.add(buffer);
    return buffer;
  }
  async upload(buffer: HostBuffer, view: HostBuffer["array"]): Promise<void> {
    this.#note("upload");
    this.#pending.push(() => void this.#host.upload(buffer, view));
  }
  async download(buffer: HostBuffer, view: HostBuffer["array"]): Promise<void> {
    this.#note("download");
    this.#pending.push(() => void this.#host.download(buffer, view));
  }
  async fence(): Promise<void> {
    await Promise.resolve();
    const copies = this.#pending.splice(0);
    this.#note("fence");
    for (const copy of copies) copy();
  }
  async release(buffer: HostBuffer): Promise<void> {
    this.#note("release");
    this.live.delete(buffer);
    this.#host.release(buffer);
  }
  [Symbol.dispose](): void {}

  #note(call: string): void {
    this.calls.push(call);
    this.at[call]?.();
  }
}

interface Trainer extends Disposable {
  readonly device: Fake;
  readonly state: State<typeof schema>;
  readonly buffers: Buffers<typeof schema, HostBufferKind>;
  readonly resource: Resource;
}

async function trainer(): Promise<Trainer> {
  const device = new Fake();
  const state = await openState(schema, { slots: 2 });
  const buffers = await allocateBuffers<typeof schema, HostBufferKind>(device, schema);
  device.calls.length = 0;
  const resource = gpu({ name: "model", device, state, buffers });
  return { device, state, buffers, resource, [Symbol.dispose]: () => state[Symbol.dispose]() };
}

/** One step of a training that can be told from any other by its result. */
function train({ weights, momentum, model, step }: Buffers<typeof schema, HostBufferKind>): void {
  const [w, m] = [weights.current.array, momentum.current.array];
  for (let i = 0; i < w.length; i++) {
    m[i] = (m[i] as number) * 0.5 + i;
    w[i] = (w[i] as number) - (m[i] as number) / 3;
  }
  model.bias.current.array[1] = w[5] as number;
  step.current.array[0] = (step.current.array[0] as number) + 1;
}

function numbers({ weights, momentum, model, step }: Buffers<typeof schema, HostBufferKind>): number[][] {
  return [weights, momentum, model.bias, step].map(({ current }) => [...current.array]);
}

test("the resource is of the tier device and carries its name and time", async () => {
  using t = await trainer();
  assert.equal(t.resource.name, "model");
  assert.equal(t.resource.tier, "device");
  assert.equal("timeoutMs" in t.resource, false);
  assert.equal(gpu({ ...t, timeoutMs: 5 }).timeoutMs, 5);
  assert.equal(gpu(t).name, "gpu");
});

for (const outcome of ["restored", "continued", "aborted"] as const) {
  test(`a training goes on after ${outcome} as if nothing had happened`, async () => {
    using t = await trainer();
    const reference = await allocateBuffers(host(), schema);
    for (let round = 0; round < 5; round++) {
      train(t.buffers);
      train(reference);
      await prepare(t.resource);
      assert.equal(t.device.live.size, 0);
      await recover(t.resource, outcome);
      assert.equal(t.device.live.size, 4);
      assert.deepEqual(numbers(t.buffers), numbers(reference));
    }
  });
}

test("handles that the app kept give the new buffers, and refuse while there are none", async () => {
  using t = await trainer();
  const { weights } = t.buffers;
  const before = weights.current;
  await prepare(t.resource);
  assert.throws(() => weights.current, /Cannot use the buffer weights: it is released for a checkpoint/);
  assert.equal(before.array.length, 0);
  await recover(t.resource);
  assert.notEqual(weights.current, before);
  assert.equal(weights.current.array.length, 64);
});

test("work is fenced before the download, copies before the commit, and nothing is released before", async () => {
  using t = await trainer();
  t.device.at = { release: () => assert.equal(t.state.load().step, 1) };
  train(t.buffers);
  await prepare(t.resource);
  assert.deepEqual(t.device.calls, ["fence", ...Array(4).fill("download"), "fence", ...Array(4).fill("release")]);
});

for (const call of ["fence", "download"]) {
  test(`a ${call} that fails refuses the checkpoint and leaves buffers and the saved state as they were`, async () => {
    using t = await trainer();
    train(t.buffers);
    await prepare(t.resource);
    await recover(t.resource);
    train(t.buffers);
    const before = [numbers(t.buffers), t.buffers.weights.current] as const;
    t.device.at = { [call]: () => assert.fail("lost") };
    await assert.rejects(prepare(t.resource), /lost/);
    t.device.at = {};
    await recover(t.resource, "aborted");
    assert.deepEqual(numbers(t.buffers), before[0]);
    assert.equal(t.buffers.weights.current, before[1]);
    assert.equal(t.state.load().step, 1);
    await prepare(t.resource);
    assert.equal(t.state.load().step, 2);
  });
}

test("a hook whose time is over stops before the commit, and releases nothing", async () => {
  for (const [call, code] of [
    ["fence", "empty"],
    ["download", "unfinished"],
  ] as const) {
    using t = await trainer();
    const controller = new AbortController();
    t.device.at = { [call]: () => controller.abort(new Error("too late")) };
    await assert.rejects(prepare(t.resource, controller.signal), /too late/);
    assert.equal(t.device.calls.at(-1), call);
    assert.equal(t.device.calls.length, t.device.calls.indexOf(call) + 1);
    assert.equal(t.device.live.size, 4);
    throwsCode(() => t.state.load(), code);
  }
});

test("a hook whose time is over while it releases leaves the rest, and the recovery makes up for what is gone", async () => {
  using t = await trainer();
  train(t.buffers);
  const before = numbers(t.buffers);
  const [first, second] = [t.buffers.weights.current, t.buffers.momentum.current];
  const controller = new AbortController();
  t.device.at = { release: () => controller.abort(new Error("too late")) };
  await assert.rejects(prepare(t.resource, controller.signal), /too late/);
  t.device.at = {};
  assert.equal(t.device.live.size, 3);
  await recover(t.resource, "aborted");
  assert.deepEqual(numbers(t.buffers), before);
  assert.notEqual(t.buffers.weights.current, first);
  assert.equal(t.buffers.momentum.current, second);
});

for (const [call, succeeding] of [
  ["allocate", 2],
  ["upload", 2],
  ["fence", 0],
] as const) {
  test(`a recovery whose ${call} fails leaks nothing and can be tried again`, async () => {
    using t = await trainer();
    train(t.buffers);
    const before = numbers(t.buffers);
    await prepare(t.resource);
    let left: number = succeeding;
    t.device.at = { [call]: () => left-- > 0 || assert.fail("no memory") };
    await assert.rejects(recover(t.resource), /no memory/);
    assert.equal(t.device.live.size, 0);
    t.device.at = {};
    await recover(t.resource);
    assert.equal(t.device.live.size, 4);
    assert.deepEqual(numbers(t.buffers), before);
  });
}

test("a corrupt state is not uploaded", async () => {
  using t = await trainer();
  await prepare(t.resource);
  {
    using snapshot = t.state.read();
    snapshot.views.weights[0] = 99;
  }
  t.device.calls.length = 0;
  await assert.rejects(recover(t.resource), /weights/);
  assert.deepEqual(t.device.calls, []);
});

test("a recovery without a checkpoint before it touches nothing", async () => {
  using t = await trainer();
  train(t.buffers);
  const before = numbers(t.buffers);
  await recover(t.resource, "aborted");
  assert.deepEqual(numbers(t.buffers), before);
  assert.deepEqual(t.device.calls, []);
});
