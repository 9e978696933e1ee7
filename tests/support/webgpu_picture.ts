/** A program with textures, a sampler, named layouts and a render pipeline. */
import type { Gpu, Recipes, TextureRecipe } from "../../gpu/webgpu/mod.ts";

const picture: TextureRecipe = { format: "rgba8unorm", width: 100, height: 37, mipLevels: 3 };
const single: TextureRecipe = { format: "r8unorm", width: 37, height: 5, layers: 2 };
const floats: TextureRecipe = { format: "rgba32float", width: 3, height: 3 };

/** Those that are part of the state. */
export const textures: Readonly<Record<"picture" | "single" | "floats", TextureRecipe>> = { picture, single, floats };

export const recipes: Recipes = {
  shaders: {
    sample: `
      @group(0) @binding(0) var<storage, read_write> sampled: array<f32>;
      @group(0) @binding(1) var picture: texture_2d<f32>;
      @group(0) @binding(2) var nearest: sampler;
      @compute @workgroup_size(1) fn main() {
        let texel = textureSampleLevel(picture, nearest, vec2f(0.5 / 100.0, 0.5 / 37.0), 0);
        sampled[0] = texel.r; sampled[1] = texel.g; sampled[2] = texel.b; sampled[3] = texel.a;
      }`,
    draw: `
      @vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
        return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
      }
      @fragment fn red() -> @location(0) vec4f { return vec4f(1, 0, 0, 1); }`,
  },
  samplers: { nearest: { magFilter: "nearest" } },
  textures: {
    ...textures,
    target: { format: "rgba8unorm", width: 8, height: 8, usage: 0x10 /* GPUTextureUsage.RENDER_ATTACHMENT */ },
  },
  bindGroupLayouts: {
    sample: {
      entries: [
        { binding: 0, visibility: 4 /* GPUShaderStage.COMPUTE */, buffer: { type: "storage" } },
        { binding: 1, visibility: 4, texture: {} },
        { binding: 2, visibility: 4, sampler: {} },
      ],
    },
  },
  pipelineLayouts: { sample: ["sample"] },
  computePipelines: { sample: { shader: "sample", layout: "sample" } },
  renderPipelines: {
    draw: {
      vertex: { shader: "draw" },
      fragment: { shader: "draw", targets: [{ format: "rgba8unorm" }] },
    },
  },
  bindGroups: {
    sample: {
      layout: "sample",
      entries: { 0: { buffer: "sampled" }, 1: { texture: "picture" }, 2: { sampler: "nearest" } },
    },
  },
};

/** Brings the first texel of the picture into `sampled`. */
export function sample({ device, computePipeline, bindGroup }: Gpu): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(computePipeline("sample"));
  pass.setBindGroup(0, bindGroup("sample"));
  pass.dispatchWorkgroups(1);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

/** Draws one red triangle over all of the target, and copies a row of that into `drawn`. */
export function draw({ device, renderPipeline, texture, buffer }: Gpu): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture("target").createView(), loadOp: "clear", storeOp: "store" }],
  });
  pass.setPipeline(renderPipeline("draw"));
  pass.draw(3);
  pass.end();
  encoder.copyTextureToBuffer(
    { texture: texture("target") },
    { buffer: buffer("drawn"), bytesPerRow: 256, rowsPerImage: 1 },
    { width: 8, height: 1, depthOrArrayLayers: 1 },
  );
  device.queue.submit([encoder.finish()]);
}
