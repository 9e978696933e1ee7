import type {
  GpuBindGroupLayoutDescriptor,
  GpuFragmentState,
  GpuRenderPipelineDescriptor,
  GpuSamplerDescriptor,
  GpuTextureFormat,
  GpuTextureViewDescriptor,
  GpuVertexState,
} from "./types.ts";

/** A stage of a pipeline. */
export interface StageRecipe {
  /** The name of a shader. */
  readonly shader: string;
  /** The function of the shader. @default the only entry point of its kind */
  readonly entryPoint?: string;
  /** Values of `override` constants. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** What a bind group refers to, by name. */
export type BindingRecipe =
  | { readonly buffer: string; readonly offset?: number; readonly size?: number }
  | { readonly texture: string; readonly view?: GpuTextureViewDescriptor }
  | { readonly sampler: string };

/** The layout of a bind group: one that was described, or one that a pipeline has by itself. */
export type LayoutRecipe = string | { readonly pipeline: string; readonly group: number };

/**
 * By name.
 * @internal
 */
export type Named<T> = Readonly<Record<string, T>>;
/**
 * The names of a stage in the place of its module.
 * @internal
 */
export type WithStage<T> = Omit<T, "module"> & StageRecipe;

/**
 * How the objects of a device are made: descriptors as in WebGPU, but names where WebGPU has objects. They are plain
 * data. A device makes them in this order, when its buffers are bound.
 */
export interface Recipes {
  /** WGSL. */
  readonly shaders?: Named<string>;
  /** Descriptors as in WebGPU. */
  readonly samplers?: Named<GpuSamplerDescriptor>;
  /** Textures whose content the app writes itself after each recovery, or whose levels are tensors of its state. */
  readonly textures?: Named<TextureRecipe>;
  /** Descriptors as in WebGPU. */
  readonly bindGroupLayouts?: Named<GpuBindGroupLayoutDescriptor>;
  /** The bind group layouts of each, by name. */
  readonly pipelineLayouts?: Named<readonly string[]>;
  /** `layout` names a pipeline layout. @default the layout that the shader implies */
  readonly computePipelines?: Named<StageRecipe & { readonly layout?: string }>;
  /** `layout` names a pipeline layout. @default the layout that the shaders imply */
  readonly renderPipelines?: Named<
    Omit<GpuRenderPipelineDescriptor, "layout" | "vertex" | "fragment"> & {
      readonly layout?: string;
      readonly vertex: WithStage<GpuVertexState>;
      readonly fragment?: WithStage<GpuFragmentState>;
    }
  >;
  /** What each binding of a layout is, by its number. */
  readonly bindGroups?: Named<{
    readonly layout: LayoutRecipe;
    readonly entries: Readonly<Record<number, BindingRecipe>>;
  }>;
}

/** A texture. */
export type TextureRecipe = {
  readonly format: GpuTextureFormat;
  readonly width: number;
  /** @default 1 */
  readonly height?: number;
  /** @default 1 */
  readonly mipLevels?: number;
  /** Beside copies, which are always possible. @default GPUTextureUsage.TEXTURE_BINDING */
  readonly usage?: number;
} & (
  | {
      /** @default "2d" */
      readonly dimension?: "1d" | "2d";
      /** @default 1 */
      readonly layers?: number;
      readonly depth?: never;
    }
  | {
      readonly dimension: "3d";
      /** Halves with each mip level, as width and height do. @default 1 */
      readonly depth?: number;
      readonly layers?: never;
    }
);
