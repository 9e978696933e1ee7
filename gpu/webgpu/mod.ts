/**
 * WebGPU behind the device interface, in Bun and Deno: state that survives a checkpoint, objects that are made anew after
 * it, and a driver that is out of the process meanwhile.
 *
 * @module
 */
export type { Needs } from "./backend.ts";
export type { WebGpuBuffer, WebGpuBufferKind, WebGpuDevice, WebGpuOptions } from "./device.ts";
export type { Objects } from "./objects.ts";
export { webgpu } from "./open.ts";
export type { Caller, Gpu, Program } from "./program.ts";
export type { BindingRecipe, LayoutRecipe, Recipes, StageRecipe, TextureRecipe } from "./recipes.ts";
export { textureState } from "./textures.ts";
