/**
 * WebGPU behind the device interface, in Bun and Deno: state that survives a checkpoint, objects that are made anew after
 * it, and a driver that is out of the process meanwhile.
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
