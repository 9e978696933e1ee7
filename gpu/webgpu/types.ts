import type { OwnDevice } from "./own_types.ts";

// Which declarations of WebGPU there are is the user's choice: those of @webgpu/types, of lib.dom, of Deno, or none. A public type must
// be good with each, and what it gives must be the user's own type where there is one. So all types come from the device, and
// the device from the place where each of those declares it.

/**
 * The device that `navigator.gpu` gives, where that is declared.
 * @internal
 */
export type FromNavigator = typeof globalThis extends {
  readonly navigator: { readonly gpu: { requestAdapter(...args: never[]): Promise<infer A> } };
}
  ? NonNullable<A> extends { requestDevice(...args: never[]): Promise<infer D> }
    ? D
    : OwnDevice
  : OwnDevice;

/** `GPUDevice` of WebGPU: the program's own type of that name where it has one, else what this library needs to be declared of it. */
export type GpuDevice = typeof globalThis extends { readonly GPUDevice: { readonly prototype: infer D } }
  ? D
  : FromNavigator;

/** `GPUBuffer` @see GpuDevice */
export type GpuBuffer = ReturnType<GpuDevice["createBuffer"]>;
/** `GPUTexture` @see GpuDevice */
export type GpuTexture = ReturnType<GpuDevice["createTexture"]>;
/** `GPUSampler` @see GpuDevice */
export type GpuSampler = ReturnType<GpuDevice["createSampler"]>;
/** `GPUShaderModule` @see GpuDevice */
export type GpuShaderModule = ReturnType<GpuDevice["createShaderModule"]>;
/** `GPUBindGroupLayout` @see GpuDevice */
export type GpuBindGroupLayout = ReturnType<GpuDevice["createBindGroupLayout"]>;
/** `GPUBindGroup` @see GpuDevice */
export type GpuBindGroup = ReturnType<GpuDevice["createBindGroup"]>;
/** `GPUPipelineLayout` @see GpuDevice */
export type GpuPipelineLayout = ReturnType<GpuDevice["createPipelineLayout"]>;
/** `GPUComputePipeline` @see GpuDevice */
export type GpuComputePipeline = ReturnType<GpuDevice["createComputePipeline"]>;
/** `GPURenderPipeline` @see GpuDevice */
export type GpuRenderPipeline = ReturnType<GpuDevice["createRenderPipeline"]>;
/** `GPUCommandEncoder` @see GpuDevice */
export type GpuCommandEncoder = ReturnType<GpuDevice["createCommandEncoder"]>;
/** `GPUSamplerDescriptor` @see GpuDevice */
export type GpuSamplerDescriptor = NonNullable<Parameters<GpuDevice["createSampler"]>[0]>;
/** `GPUBindGroupLayoutDescriptor` @see GpuDevice */
export type GpuBindGroupLayoutDescriptor = Parameters<GpuDevice["createBindGroupLayout"]>[0];
/** `GPURenderPipelineDescriptor` @see GpuDevice */
export type GpuRenderPipelineDescriptor = Parameters<GpuDevice["createRenderPipeline"]>[0];
/** `GPUVertexState` @see GpuDevice */
export type GpuVertexState = GpuRenderPipelineDescriptor["vertex"];
/** `GPUFragmentState` @see GpuDevice */
export type GpuFragmentState = NonNullable<GpuRenderPipelineDescriptor["fragment"]>;
/** `GPUTextureFormat` @see GpuDevice */
export type GpuTextureFormat = Parameters<GpuDevice["createTexture"]>[0]["format"];
/** `GPUTextureViewDescriptor` @see GpuDevice */
export type GpuTextureViewDescriptor = NonNullable<Parameters<GpuTexture["createView"]>[0]>;
