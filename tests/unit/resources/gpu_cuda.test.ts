/** The CUDA device on a fake of libcuda as a device among others, and below the GPU resource: what a checkpoint leaves and brings back. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type CudaBufferKind, cuda } from "../../../gpu/cuda/mod.ts";
import { deviceTests } from "../../../gpu/device/conformance.ts";
import { allocateBuffers, defineState, openState, scalar, tensor } from "../../../gpu/mod.ts";
import { gpu } from "../../../resources/gpu.ts";
import { noCompiler } from "../../support/c_compiler.ts";
import { fakeCuda } from "../../support/cuda_fake.ts";
import { prepare, recover } from "../../support/hooks.ts";

const skip = noCompiler();
const fake = skip ? undefined! : await fakeCuda();
after(() => fake?.[Symbol.dispose]());

const schema = defineState({ weights: tensor("f32", [1 << 20]), step: scalar("u32"), none: tensor("u8", [0]) });
for (const { name, run } of deviceTests(async () => {
  fake.reset();
  return await cuda({ library: fake.library });
})) {
  test(`a device of CUDA: ${name}`, { skip }, run);
}

for (const memory of ["shared", "heap"] as const) {
  test(`two checkpoints in a row give back all of CUDA, and bring back every bit (${memory})`, { skip }, async () => {
    fake.reset();
    using device = await cuda({ library: fake.library });
    using state = await openState(schema, { memory });
    const buffers = await allocateBuffers<typeof schema, CudaBufferKind>(device, schema);
    const resource = gpu<typeof schema, CudaBufferKind>({ device, state, buffers });
    const weights = new Float32Array(1 << 20).map((_, i) => i / 3);
    device.upload(buffers.weights.current, weights);
    device.upload(buffers.step.current, Uint32Array.of(7));
    await device.fence();
    for (let round = 0; round < 2; round++) {
      await prepare(resource);
      assert.deepEqual(fake.held(), { buffers: 0, pinned: 0, contexts: 0, depth: 0 });
      await recover(resource);
      assert.deepEqual(fake.held(), { buffers: 2, pinned: memory === "shared" ? 1 : 0, contexts: 1, depth: 0 });
    }
    const [back, step] = [new Float32Array(1 << 20), new Uint32Array(1)];
    device.download(buffers.weights.current, back);
    device.download(buffers.step.current, step);
    await device.fence();
    assert.deepEqual([back, step], [weights, Uint32Array.of(7)]);
  });
}

test("a checkpoint that another library's context refuses is undone: the buffers are there again", {
  skip,
}, async () => {
  fake.reset();
  using device = await cuda({ library: fake.library });
  using state = await openState(schema);
  const buffers = await allocateBuffers<typeof schema, CudaBufferKind>(device, schema);
  const resource = gpu<typeof schema, CudaBufferKind>({ device, state, buffers });
  fake.other(0, true);
  await assert.rejects(prepare(resource), { name: "CudaHeldError" });
  await recover(resource, "aborted");
  assert.equal(fake.held().buffers, 2);
});
