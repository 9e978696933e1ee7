/**
 * The trainer's code for WebGPU. In Deno it runs in a worker that ends before each checkpoint, with the driver; in Bun on the
 * main thread. Either way `device.call("train")` runs it, on new objects of the same names after each recovery.
 */
import type { Gpu, Recipes } from "criu-aware/gpu/webgpu";

// The same bits as train() of trainer.ts. A GPU may round a product and a sum once, where a CPU rounds twice: so each
// product here is by a power of two, which is exact. 0.9375 × m is m − m / 16.
const code = `
@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> momentum: array<f32>;
@group(0) @binding(2) var<storage, read_write> step: u32;

@compute @workgroup_size(64) fn train(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i == 0) { step += 1; }
  let weight = weights[i];
  let gradient = weight - f32(i % 97) * 0.0078125;
  let kept = momentum[i] - momentum[i] * 0.0625;
  let next = kept + gradient;
  momentum[i] = next;
  weights[i] = weight - 0.015625 * next;
}`;

/** What is made anew after a restore. The names of the buffers are those of the schema. */
export const recipes: Recipes = {
  shaders: { train: code },
  computePipelines: { train: { shader: "train" } },
  bindGroups: {
    model: {
      layout: { pipeline: "train", group: 0 },
      entries: { 0: { buffer: "weights" }, 1: { buffer: "momentum" }, 2: { buffer: "step" } },
    },
  },
};

/** One step. */
export async function train(gpu: Gpu): Promise<void> {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(gpu.computePipeline("train"));
  pass.setBindGroup(0, gpu.bindGroup("model"));
  pass.dispatchWorkgroups((512 * 512) / 64);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  await gpu.device.queue.onSubmittedWorkDone();
}
