/**
 * WebGPU behind the device interface, in Bun and Deno: state that survives a checkpoint, objects that are made anew after
 * it, and a driver that is out of the process meanwhile.
 *
 * In Deno it needs `--allow-ffi --allow-env=DENO_WEBGPU_BACKEND --allow-read=DIR`, where DIR has the app's module for its GPU, and this
 * package when it is not loaded from a URL: a worker loads them.
 *
 * @module
 */

export type { WebGpuBuffer, WebGpuBufferKind, WebGpuDevice, WebGpuOptions } from "./device.ts";
export type { Needs } from "./needs.ts";
export type { Objects } from "./objects.ts";
export { webgpu } from "./open.ts";
export type { Caller, Gpu, Program } from "./program.ts";
export type { BindingRecipe, LayoutRecipe, Recipes, StageRecipe, TextureRecipe } from "./recipes.ts";
export { textureState } from "./textures.ts";
export type {
  GpuBindGroup,
  GpuBindGroupLayout,
  GpuBindGroupLayoutDescriptor,
  GpuBuffer,
  GpuCommandEncoder,
  GpuComputePipeline,
  GpuDevice,
  GpuFragmentState,
  GpuPipelineLayout,
  GpuRenderPipeline,
  GpuRenderPipelineDescriptor,
  GpuSampler,
  GpuSamplerDescriptor,
  GpuShaderModule,
  GpuTexture,
  GpuTextureFormat,
  GpuTextureViewDescriptor,
  GpuVertexState,
} from "./types.ts";
