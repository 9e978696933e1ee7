import { checked } from "./checked.ts";
import type { BindingRecipe, LayoutRecipe, Recipes, StageRecipe, TextureRecipe } from "./recipes.ts";
import { extentOf } from "./textures.ts";
import type {
  GpuBindGroup,
  GpuBindGroupLayout,
  GpuBuffer,
  GpuComputePipeline,
  GpuDevice,
  GpuFragmentState,
  GpuPipelineLayout,
  GpuRenderPipeline,
  GpuSampler,
  GpuShaderModule,
  GpuTexture,
  GpuVertexState,
} from "./types.ts";

/** What was made of recipes, by the same names. Each throws RangeError for a name that there is not. */
export interface Objects {
  /** A compiled shader. */
  shader(name: string): GpuShaderModule;
  /** A sampler. */
  sampler(name: string): GpuSampler;
  /** A texture of a recipe, or of the state. */
  texture(name: string): GpuTexture;
  /** The layout of a bind group that a recipe describes. */
  bindGroupLayout(name: string): GpuBindGroupLayout;
  /** The layout of a pipeline. */
  pipelineLayout(name: string): GpuPipelineLayout;
  /** A pipeline for compute passes. */
  computePipeline(name: string): GpuComputePipeline;
  /** A pipeline for render passes. */
  renderPipeline(name: string): GpuRenderPipeline;
  /** A bind group, with the buffers that there are now. */
  bindGroup(name: string): GpuBindGroup;
}

/**
 * Makes all objects of the recipes.
 * @throws {DeviceError} `failed` with the name of the recipe and what the device says of it.
 * @throws {RangeError} for a name that a recipe refers to and that there is not.
 */
export async function makeObjects(
  device: GpuDevice,
  recipes: Recipes,
  bufferOf: (name: string) => GpuBuffer,
): Promise<Objects> {
  const make = <R, T>(kind: string, named: Readonly<Record<string, R>> = {}, create: (recipe: R) => T) =>
    makeEach(device, kind, named, create);
  const shader = await make("shader", recipes.shaders, (code) => device.createShaderModule({ code }));
  const sampler = await make("sampler", recipes.samplers, (recipe) => device.createSampler(recipe));
  const texture = await make("texture", recipes.textures, (recipe) => device.createTexture(describe(recipe)));
  const bindGroupLayout = await make("bind group layout", recipes.bindGroupLayouts, (recipe) =>
    device.createBindGroupLayout(recipe),
  );
  const pipelineLayout = await make("pipeline layout", recipes.pipelineLayouts, (names) =>
    device.createPipelineLayout({ bindGroupLayouts: names.map(bindGroupLayout) }),
  );
  const layoutOf = (name?: string): GpuPipelineLayout | "auto" => (name === undefined ? "auto" : pipelineLayout(name));
  const stage = <S extends StageRecipe>({ shader: name, ...rest }: S) => ({ ...rest, module: shader(name) });
  const computePipeline = await make("compute pipeline", recipes.computePipelines, ({ layout, ...rest }) =>
    device.createComputePipeline({ layout: layoutOf(layout), compute: stage(rest) }),
  );
  const renderPipeline = await make(
    "render pipeline",
    recipes.renderPipelines,
    ({ layout, vertex, fragment, ...rest }) =>
      device.createRenderPipeline({
        ...rest,
        layout: layoutOf(layout),
        vertex: stage(vertex) as GpuVertexState,
        ...(fragment ? { fragment: stage(fragment) as GpuFragmentState } : {}),
      }),
  );
  const groupLayout = (layout: LayoutRecipe): GpuBindGroupLayout => {
    if (typeof layout === "string") return bindGroupLayout(layout);
    const isCompute = Object.hasOwn(recipes.computePipelines ?? {}, layout.pipeline);
    return (isCompute ? computePipeline : renderPipeline)(layout.pipeline).getBindGroupLayout(layout.group);
  };
  const resource = (binding: BindingRecipe): GPUBindingResource => {
    if ("sampler" in binding) return sampler(binding.sampler);
    if ("texture" in binding) return texture(binding.texture).createView(binding.view);
    return { ...binding, buffer: bufferOf(binding.buffer) };
  };
  const bindGroup = await make("bind group", recipes.bindGroups, ({ layout, entries }) =>
    device.createBindGroup({
      layout: groupLayout(layout),
      entries: Object.entries(entries).map(([binding, to]) => ({ binding: Number(binding), resource: resource(to) })),
    }),
  );
  return { shader, sampler, texture, bindGroupLayout, pipelineLayout, computePipeline, renderPipeline, bindGroup };
}

async function makeEach<R, T>(
  device: GpuDevice,
  kind: string,
  named: Readonly<Record<string, R>>,
  create: (recipe: R) => T,
): Promise<(name: string) => T> {
  const made = new Map<string, T>();
  for (const [name, recipe] of Object.entries(named))
    made.set(name, await checked(device, `${kind} ${name}`, () => create(recipe)));
  return (name) => {
    const found = made.get(name);
    if (found) return found;
    throw new RangeError(`Cannot find the ${kind} ${name}: no recipe has this name.`);
  };
}

function describe(recipe: TextureRecipe): GPUTextureDescriptor {
  const { TEXTURE_BINDING, COPY_SRC, COPY_DST } = GPUTextureUsage;
  const { format, dimension = "2d", mipLevels = 1, usage = TEXTURE_BINDING } = recipe;
  return {
    format,
    dimension,
    size: extentOf(recipe),
    mipLevelCount: mipLevels,
    usage: usage | COPY_SRC | COPY_DST,
  };
}
