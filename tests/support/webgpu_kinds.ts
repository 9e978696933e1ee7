/** A program with a texture of every format and every dimension. */
import type { Gpu, Recipes, TextureRecipe } from "../../gpu/webgpu/mod.ts";
import { blocks } from "../../gpu/webgpu/texture_formats.ts";

/** Every format that software Vulkan has. The last blocks of the second level reach over its edges. */
const formats = [...blocks]
  .filter(([format]) => !/^(r|rg|rgba)16[us]norm$/.test(format))
  .map(([format, { width, height }]): [string, TextureRecipe] => [
    format,
    { format: format as GPUTextureFormat, width: 37 * width, height: 5 * height, layers: 2, mipLevels: 2 },
  ]);

/** Those that are part of the state. */
export const textures: Readonly<Record<string, TextureRecipe>> = {
  ...Object.fromEntries(formats),
  volume: { dimension: "3d", format: "r16uint", width: 128, height: 7, depth: 11, mipLevels: 4 },
  line: { dimension: "1d", format: "r8uint", width: 301 },
};

export const recipes: Recipes = {
  textures: {
    ...textures,
    seen: { format: "r32uint", width: 5, usage: 0x10 /* GPUTextureUsage.RENDER_ATTACHMENT */ },
    // Of formats that no state can hold, made anew each time.
    depths: { format: "depth24plus-stencil8", width: 5, usage: 0x10 },
    shadows: { format: "depth32float", width: 8, height: 8, layers: 2 },
  },
  shaders: {
    look: `
      @group(0) @binding(0) var volume: texture_3d<u32>;
      @group(0) @binding(1) var line: texture_1d<u32>;
      @group(0) @binding(2) var depth: texture_depth_2d;
      @group(0) @binding(3) var stencil: texture_2d<u32>;
      @group(0) @binding(4) var compressed: texture_2d<f32>;
      @vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
        return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
      }
      @fragment fn look(@builtin(position) at: vec4f) -> @location(0) u32 {
        switch (u32(at.x)) {
          case 0 { return textureLoad(volume, vec3u(60, 2, 4), 1).r; }
          case 1 { return textureLoad(line, 300, 0).r; }
          case 2 { return u32(round(textureLoad(depth, vec2u(36, 4), 0) * 65535)); }
          case 3 { return textureLoad(stencil, vec2u(17, 1), 1).r; }
          default { return pack4x8unorm(textureLoad(compressed, vec2u(147, 19), 0)); }
        }
      }`,
  },
  renderPipelines: {
    look: {
      vertex: { shader: "look" },
      fragment: { shader: "look", targets: [{ format: "r32uint" }] },
      depthStencil: { format: "depth24plus-stencil8", depthWriteEnabled: true, depthCompare: "less" },
    },
  },
  bindGroups: {
    look: {
      layout: { pipeline: "look", group: 0 },
      entries: {
        0: { texture: "volume" },
        1: { texture: "line" },
        2: { texture: "depth16unorm", view: { dimension: "2d" } },
        3: { texture: "stencil8", view: { dimension: "2d" } },
        4: { texture: "bc1-rgba-unorm", view: { dimension: "2d" } },
      },
    },
  },
};

/** Brings a texel of each kind into `found`. It draws, because SwiftShader's compute shaders see zeros in compressed textures. */
export function look({ device, renderPipeline, bindGroup, texture, buffer }: Gpu): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture("seen").createView(), loadOp: "clear", storeOp: "store" }],
    depthStencilAttachment: {
      view: texture("depths").createView(),
      depthClearValue: 1,
      depthLoadOp: "clear",
      depthStoreOp: "store",
      stencilLoadOp: "clear",
      stencilStoreOp: "store",
    },
  });
  pass.setPipeline(renderPipeline("look"));
  pass.setBindGroup(0, bindGroup("look"));
  pass.draw(3);
  pass.end();
  encoder.copyTextureToBuffer(
    { texture: texture("seen") },
    { buffer: buffer("found.texels"), bytesPerRow: 256 },
    { width: 5 },
  );
  device.queue.submit([encoder.finish()]);
}
