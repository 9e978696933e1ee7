/** A program of a user that has types of WebGPU of its own: what it gets is of these types. It is type-checked, not run. */
import type { Gpu, Recipes, WebGpuDevice } from "criu-aware/gpu/webgpu";

export const buffer = (gpu: Gpu): GPUBuffer => gpu.buffer("weights");
export const texture = (gpu: Gpu): GPUTexture => gpu.texture("image");
export const pipeline = (gpu: Gpu): GPUComputePipeline => gpu.computePipeline("train");
export const adopted = (device: GPUDevice, { gpu, ...rest }: WebGpuDevice): WebGpuDevice => ({
  ...rest,
  gpu: device ?? gpu,
});

const sampler: GPUSamplerDescriptor = { magFilter: "linear" };
const format: GPUTextureFormat = "rgba8unorm";
export const recipes: Recipes = { samplers: { sampler }, textures: { image: { format, width: 8 } } };
// @ts-expect-error: their types know which formats there are
export const wrong: Recipes = { textures: { image: { format: "rgba9unorm", width: 8 } } };
