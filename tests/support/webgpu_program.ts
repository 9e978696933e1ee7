/** A program of an app for a WebGPU device: it counts, and does what it is told. */
import type { Gpu, Recipes } from "../../gpu/webgpu/mod.ts";

const code = `
@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
@group(0) @binding(1) var<storage, read_write> step: u32;
@compute @workgroup_size(64) fn count(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&numbers)) { numbers[id.x] += id.x; }
  if (id.x == 0) { step += 1; }
}`;

export const recipes: Recipes = {
  shaders: { count: code },
  computePipelines: { count: { shader: "count", entryPoint: "count" } },
  bindGroups: {
    all: {
      layout: { pipeline: "count", group: 0 },
      entries: { 0: { buffer: "model.numbers" }, 1: { buffer: "step" } },
    },
  },
};

/** Adds to every number its index, `times` times. */
export function count(gpu: Gpu, workgroups: number, times: number): void {
  for (let i = 0; i < times; i++) {
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(gpu.computePipeline("count"));
    pass.setBindGroup(0, gpu.bindGroup("all"));
    pass.dispatchWorkgroups(workgroups);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
  }
}

/** Takes long, and uses the device at its end. */
export async function slow(gpu: Gpu, ms: number): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  gpu.device.queue.writeBuffer(gpu.buffer("step"), 0, Uint32Array.of(1000));
  return "done";
}

export function fail(_: Gpu, name: string): never {
  throw name === "RangeError" ? new RangeError("as told") : new Error("as told");
}

/** Makes every kind of object, and keeps none. */
export function litter({ device }: Gpu): void {
  const { STORAGE, COPY_SRC } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: 256, usage: STORAGE | COPY_SRC });
  const texture = device.createTexture({
    size: [4, 4],
    format: "rgba8unorm",
    usage: GPUTextureUsage.TEXTURE_BINDING,
  });
  texture.createView();
  device.createSampler();
  device.createQuerySet({ type: "occlusion", count: 1 });
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const layout = pipeline.getBindGroupLayout(0);
  device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries: [] })] });
  device.createBindGroup({
    layout,
    entries: [
      { binding: 0, resource: { buffer } },
      { binding: 1, resource: { buffer } },
    ],
  });
  // In Bun all can be released by hand; some apps do it twice.
  for (let i = 0; i < 2; i++) (module as { destroy?: () => void }).destroy?.();
  // Neither finished nor submitted.
  device.createCommandEncoder().finish();
  device.createCommandEncoder().beginComputePass();
}

let known: GPUComputePipeline | undefined;

/** Whether its pipeline is the one of the last time. */
export function isSame(gpu: Gpu): boolean {
  const before = known;
  known = gpu.computePipeline("count");
  return before === known;
}

export function lose({ device }: Gpu): void {
  device.destroy();
}
