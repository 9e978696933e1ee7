import { DeviceError } from "../device_error.ts";
import { type TensorSpec, tensor } from "../schema.ts";
import type { TextureRecipe } from "./recipes.ts";
import type { Staging } from "./staging.ts";

/** Bytes of a texel of the formats that can be copied both ways, as the WebGPU specification lists them. */
const texelBytes: Readonly<Record<string, number>> = {
  ...each(1, "r8unorm r8snorm r8uint r8sint"),
  ...each(2, "r16uint r16sint r16float rg8unorm rg8snorm rg8uint rg8sint"),
  ...each(4, "r32uint r32sint r32float rg16uint rg16sint rg16float rgba8unorm rgba8unorm-srgb rgba8snorm rgba8uint"),
  ...each(4, "rgba8sint bgra8unorm bgra8unorm-srgb rgb10a2uint rgb10a2unorm rg11b10ufloat rgb9e5ufloat"),
  ...each(8, "rg32uint rg32sint rg32float rgba16uint rgba16sint rgba16float"),
  ...each(16, "rgba32uint rgba32sint rgba32float"),
};

/** Rows of a texture in a buffer begin at multiples of this. */
const ROW_ALIGNMENT = 256;

/** One mip level of a texture, of all its layers. */
export interface Level {
  readonly texture: GPUTexture;
  readonly mipLevel: number;
  readonly width: number;
  readonly height: number;
  readonly layers: number;
  readonly rowBytes: number;
}

/**
 * The tensors that hold a texture, one a mip level, to be put into a schema under the name of its recipe: `image.0`,
 * `image.1`, …. They are bytes of the shape [layers, height, width, bytes of a texel], without padding.
 * @throws {DeviceError} `failed` for a format whose texels cannot be copied both ways: compressed, depth, stencil.
 *
 * @example
 * ```ts
 * import { defineState } from "criu-aware/gpu";
 * import { textureState } from "criu-aware/gpu/webgpu";
 * const image = { format: "rgba8unorm", width: 100, height: 37, mipLevels: 3 } as const;
 * const schema = defineState({ image: textureState(image) });
 * ```
 */
export function textureState(recipe: TextureRecipe): Record<string, TensorSpec<"u8">> {
  const shapes = shapesOf(recipe).map((shape, level) => [String(level), tensor("u8", shape)] as const);
  return Object.fromEntries(shapes);
}

/** The levels of a texture that was made of `recipe`. */
export function levelsOf(recipe: TextureRecipe, texture: GPUTexture): Level[] {
  return shapesOf(recipe).map(([layers, height, width, bytes], mipLevel) => {
    return { texture, mipLevel, width, height, layers, rowBytes: width * bytes };
  });
}

/** Copies the bytes of a level into its texture. */
export function writeLevel(queue: GPUQueue, level: Level, bytes: ArrayBufferView<ArrayBuffer>): void {
  const { texture, mipLevel, width, height, layers, rowBytes } = level;
  queue.writeTexture(
    { texture, mipLevel },
    bytes,
    { bytesPerRow: rowBytes, rowsPerImage: height },
    { width, height, depthOrArrayLayers: layers },
  );
}

/** Copies a level out of its texture, without the padding of its rows. */
export async function readLevel(staging: Staging, level: Level, into: Uint8Array): Promise<void> {
  const { texture, mipLevel, width, height, layers, rowBytes } = level;
  const bytesPerRow = Math.ceil(rowBytes / ROW_ALIGNMENT) * ROW_ALIGNMENT;
  for (let layer = 0; layer < layers; layer++) {
    await staging.fetch(
      bytesPerRow * height,
      (encoder, buffer, offset) =>
        encoder.copyTextureToBuffer(
          { texture, mipLevel, origin: { x: 0, y: 0, z: layer } },
          { buffer, offset, bytesPerRow, rowsPerImage: height },
          { width, height, depthOrArrayLayers: 1 },
        ),
      (padded) => {
        for (let row = 0; row < height; row++) {
          const start = row * bytesPerRow;
          into.set(padded.subarray(start, start + rowBytes), (layer * height + row) * rowBytes);
        }
      },
    );
  }
}

function shapesOf({ format, width, height = 1, layers = 1, mipLevels = 1 }: TextureRecipe) {
  const bytes = texelBytes[format];
  if (bytes === undefined) {
    throw new DeviceError(
      "failed",
      `Cannot keep a texture of the format ${format} in a state: its texels cannot be copied both ways. Make it anew after a restore instead.`,
    );
  }
  return Array.from({ length: mipLevels }, (_, level): [number, number, number, number] => {
    const at = (length: number): number => Math.max(1, length >> level);
    return [layers, at(height), at(width), bytes];
  });
}

function each(bytes: number, formats: string): Record<string, number> {
  return Object.fromEntries(formats.split(" ").map((format) => [format, bytes]));
}
