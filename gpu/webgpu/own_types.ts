/**
 * What WebGPU is, for a program that has no declarations of it: names, parameters and units as in the specification
 * (https://www.w3.org/TR/webgpu/), without its rarer parts. Where `GPUDevice` is declared nothing of this is used.
 */

type Size =
  | readonly number[]
  | { readonly width: number; readonly height?: number; readonly depthOrArrayLayers?: number };
type Origin = readonly number[] | { readonly x?: number; readonly y?: number; readonly z?: number };
type Color = readonly number[] | { readonly r: number; readonly g: number; readonly b: number; readonly a: number };
type Source = ArrayBufferLike | ArrayBufferView;
type Labelled = { readonly label?: string };
/** What only the device understands, as it came from there. */
interface Opaque {
  label: string;
}

interface OwnBuffer extends Opaque {
  readonly size: number;
  readonly usage: number;
  readonly mapState: string;
  mapAsync(mode: number, offset?: number, size?: number): Promise<undefined>;
  getMappedRange(offset?: number, size?: number): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

interface OwnTexture extends Opaque {
  readonly width: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
  readonly mipLevelCount: number;
  readonly dimension: string;
  readonly format: string;
  readonly usage: number;
  createView(descriptor?: TextureViewDescriptor): Opaque;
  destroy(): void;
}

interface TextureViewDescriptor extends Labelled {
  readonly format?: string;
  readonly dimension?: string;
  readonly aspect?: string;
  readonly baseMipLevel?: number;
  readonly mipLevelCount?: number;
  readonly baseArrayLayer?: number;
  readonly arrayLayerCount?: number;
}

interface TextureDescriptor extends Labelled {
  readonly size: Size;
  readonly format: string;
  readonly usage: number;
  readonly dimension?: string;
  readonly mipLevelCount?: number;
  readonly sampleCount?: number;
  readonly viewFormats?: readonly string[];
}

interface SamplerDescriptor extends Labelled {
  readonly addressModeU?: string;
  readonly addressModeV?: string;
  readonly addressModeW?: string;
  readonly magFilter?: string;
  readonly minFilter?: string;
  readonly mipmapFilter?: string;
  readonly lodMinClamp?: number;
  readonly lodMaxClamp?: number;
  readonly compare?: string;
  readonly maxAnisotropy?: number;
}

interface BindGroupLayoutDescriptor extends Labelled {
  readonly entries: readonly {
    readonly binding: number;
    readonly visibility: number;
    readonly buffer?: {
      readonly type?: string;
      readonly hasDynamicOffset?: boolean;
      readonly minBindingSize?: number;
    };
    readonly sampler?: { readonly type?: string };
    readonly texture?: {
      readonly sampleType?: string;
      readonly viewDimension?: string;
      readonly multisampled?: boolean;
    };
    readonly storageTexture?: {
      readonly access?: string;
      readonly format: string;
      readonly viewDimension?: string;
    };
  }[];
}

interface BindGroupDescriptor extends Labelled {
  readonly layout: Opaque;
  readonly entries: readonly {
    readonly binding: number;
    readonly resource: Opaque | { readonly buffer: OwnBuffer; readonly offset?: number; readonly size?: number };
  }[];
}

interface Stage {
  readonly module: Opaque;
  readonly entryPoint?: string;
  readonly constants?: Readonly<Record<string, number>>;
}

interface Blend {
  readonly operation?: string;
  readonly srcFactor?: string;
  readonly dstFactor?: string;
}

interface RenderPipelineDescriptor extends Labelled {
  readonly layout: Opaque | "auto";
  readonly vertex: Stage & {
    readonly buffers?: readonly ({
      readonly arrayStride: number;
      readonly stepMode?: string;
      readonly attributes: readonly {
        readonly format: string;
        readonly offset: number;
        readonly shaderLocation: number;
      }[];
    } | null)[];
  };
  readonly fragment?: Stage & {
    readonly targets: readonly ({
      readonly format: string;
      readonly blend?: { readonly color: Blend; readonly alpha: Blend };
      readonly writeMask?: number;
    } | null)[];
  };
  readonly primitive?: {
    readonly topology?: string;
    readonly stripIndexFormat?: string;
    readonly frontFace?: string;
    readonly cullMode?: string;
    readonly unclippedDepth?: boolean;
  };
  readonly depthStencil?: {
    readonly format: string;
    readonly depthWriteEnabled?: boolean;
    readonly depthCompare?: string;
    readonly stencilFront?: object;
    readonly stencilBack?: object;
    readonly stencilReadMask?: number;
    readonly stencilWriteMask?: number;
    readonly depthBias?: number;
    readonly depthBiasSlopeScale?: number;
    readonly depthBiasClamp?: number;
  };
  readonly multisample?: {
    readonly count?: number;
    readonly mask?: number;
    readonly alphaToCoverageEnabled?: boolean;
  };
}

interface OwnPipeline extends Opaque {
  getBindGroupLayout(index: number): Opaque;
}

interface Pass extends Opaque {
  setBindGroup(index: number, bindGroup: Opaque | null, dynamicOffsets?: readonly number[]): void;
  end(): void;
}

interface ComputePass extends Pass {
  setPipeline(pipeline: OwnPipeline): void;
  dispatchWorkgroups(x: number, y?: number, z?: number): void;
  dispatchWorkgroupsIndirect(buffer: OwnBuffer, offset: number): void;
}

interface RenderPass extends Pass {
  setPipeline(pipeline: OwnPipeline): void;
  setVertexBuffer(slot: number, buffer: OwnBuffer | null, offset?: number, size?: number): void;
  setIndexBuffer(buffer: OwnBuffer, format: string, offset?: number, size?: number): void;
  setViewport(x: number, y: number, width: number, height: number, minDepth: number, maxDepth: number): void;
  setScissorRect(x: number, y: number, width: number, height: number): void;
  draw(vertices: number, instances?: number, firstVertex?: number, firstInstance?: number): void;
  drawIndexed(indices: number, instances?: number, first?: number, base?: number, firstInstance?: number): void;
}

interface RenderPassDescriptor extends Labelled {
  readonly colorAttachments: readonly ({
    readonly view: Opaque;
    readonly resolveTarget?: Opaque;
    readonly clearValue?: Color;
    readonly loadOp: string;
    readonly storeOp: string;
  } | null)[];
  readonly depthStencilAttachment?: {
    readonly view: Opaque;
    readonly depthClearValue?: number;
    readonly depthLoadOp?: string;
    readonly depthStoreOp?: string;
    readonly depthReadOnly?: boolean;
    readonly stencilClearValue?: number;
    readonly stencilLoadOp?: string;
    readonly stencilStoreOp?: string;
    readonly stencilReadOnly?: boolean;
  };
}

interface Rows {
  readonly offset?: number;
  readonly bytesPerRow?: number;
  readonly rowsPerImage?: number;
}
interface BufferPlace extends Rows {
  readonly buffer: OwnBuffer;
}
interface TexturePlace {
  readonly texture: OwnTexture;
  readonly mipLevel?: number;
  readonly origin?: Origin;
  readonly aspect?: string;
}

interface OwnCommandEncoder extends Opaque {
  beginComputePass(descriptor?: Labelled): ComputePass;
  beginRenderPass(descriptor: RenderPassDescriptor): RenderPass;
  copyBufferToBuffer(from: OwnBuffer, fromOffset: number, to: OwnBuffer, toOffset: number, size: number): void;
  copyBufferToTexture(from: BufferPlace, to: TexturePlace, size: Size): void;
  copyTextureToBuffer(from: TexturePlace, to: BufferPlace, size: Size): void;
  copyTextureToTexture(from: TexturePlace, to: TexturePlace, size: Size): void;
  clearBuffer(buffer: OwnBuffer, offset?: number, size?: number): void;
  finish(descriptor?: Labelled): Opaque;
}

interface OwnQueue extends Opaque {
  submit(commandBuffers: Iterable<Opaque>): void;
  onSubmittedWorkDone(): Promise<undefined>;
  writeBuffer(buffer: OwnBuffer, offset: number, data: Source, dataOffset?: number, size?: number): void;
  writeTexture(to: TexturePlace, data: Source, layout: Rows, size: Size): void;
}

/** `GPUDevice` */
export interface OwnDevice extends Opaque {
  readonly features: ReadonlySet<string>;
  readonly limits: object;
  readonly queue: OwnQueue;
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  destroy(): void;
  createBuffer(
    descriptor: Labelled & { readonly size: number; readonly usage: number; readonly mappedAtCreation?: boolean },
  ): OwnBuffer;
  createTexture(descriptor: TextureDescriptor): OwnTexture;
  createSampler(descriptor?: SamplerDescriptor): Opaque;
  createShaderModule(descriptor: Labelled & { readonly code: string }): Opaque;
  createBindGroupLayout(descriptor: BindGroupLayoutDescriptor): Opaque;
  createPipelineLayout(descriptor: Labelled & { readonly bindGroupLayouts: Iterable<Opaque | null> }): Opaque;
  createBindGroup(descriptor: BindGroupDescriptor): Opaque;
  createComputePipeline(
    descriptor: Labelled & { readonly layout: Opaque | "auto"; readonly compute: Stage },
  ): OwnPipeline;
  createRenderPipeline(descriptor: RenderPipelineDescriptor): OwnPipeline;
  createCommandEncoder(descriptor?: Labelled): OwnCommandEncoder;
  pushErrorScope(filter: "validation" | "out-of-memory" | "internal"): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
}
