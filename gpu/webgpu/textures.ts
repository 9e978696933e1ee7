import { type TensorSpec, tensor } from "../state/schema.ts";
import { checked } from "./checked.ts";
import type { TextureRecipe } from "./recipes.ts";
import type { Staging } from "./staging.ts";
import { blockOf } from "./texture_formats.ts";
import type { GpuDevice, GpuTexture } from "./types.ts";

/** Rows of a texture in a buffer begin at multiples of this. */
const ROW_ALIGNMENT = 256;

/** Width and height in texels; the slices of a 3D texture or the layers of another. */
interface Extent {
  readonly width: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
}

/** One mip level of a texture, of all its slices or layers. */
export interface Level {
  readonly texture: GpuTexture;
  readonly mipLevel: number;
  /** What a copy of all of it covers: whole blocks, also where the last ones reach over the edge. */
  readonly size: Extent;
  /** Rows of blocks in each slice or layer. */
  readonly rows: number;
  readonly rowBytes: number;
}

/**
 * The tensors that hold a texture, one a mip level, to be put into a schema under the name of its recipe: `image.0`,
 * `image.1`, …. They are bytes of the shape [layers, height, width, bytes of a texel], without padding. Of a 3D texture
 * the first length is its depth at this level; of a compressed format height and width are counted in blocks, and the
 * device has to be opened with the feature of the format (`texture-compression-bc`, …).
 * @throws {DeviceError} `failed` for a format whose texels cannot be copied both ways, which are those of depths other
 * than depth16unorm.
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
  const { bytes } = blockOf(recipe.format);
  const shapes = levelsIn(recipe).map(({ size, rows, rowBytes }, level) => {
    const shape = [size.depthOrArrayLayers, rows, rowBytes / bytes, bytes];
    return [String(level), tensor("u8", shape)] as const;
  });
  return Object.fromEntries(shapes);
}

/** The levels of a texture that was made of `recipe`. */
export function levelsOf(recipe: TextureRecipe, texture: GpuTexture): Level[] {
  return levelsIn(recipe).map((level, mipLevel) => ({ texture, mipLevel, ...level }));
}

/** The size of a level. In a 3D texture the depth halves with it; layers do not. */
export function extentOf(recipe: TextureRecipe, mipLevel = 0): Extent {
  const { dimension, width, height = 1, depth = 1, layers = 1 } = recipe;
  const at = (length: number): number => Math.max(1, length >> mipLevel);
  return { width: at(width), height: at(height), depthOrArrayLayers: dimension === "3d" ? at(depth) : layers };
}

/** Bytes of a level without the padding of its rows. */
export function bytesOf({ size, rows, rowBytes }: Level): number {
  return size.depthOrArrayLayers * rows * rowBytes;
}

/** Copies the bytes of a level into its texture. */
export async function writeLevel(device: GpuDevice, level: Level, bytes: ArrayBufferView<ArrayBuffer>): Promise<void> {
  const { texture, mipLevel, size, rows, rowBytes } = level;
  await checked(device, `copy into level ${mipLevel} of a texture (${texture.format})`, () =>
    device.queue.writeTexture({ texture, mipLevel }, bytes, { bytesPerRow: rowBytes, rowsPerImage: rows }, size),
  );
}

/** Copies a level out of its texture, without the padding of its rows. Both reject with DeviceError `failed`. */
export async function readLevel(staging: Staging, level: Level, into: Uint8Array): Promise<void> {
  const { texture, mipLevel, size, rows, rowBytes } = level;
  const bytesPerRow = Math.ceil(rowBytes / ROW_ALIGNMENT) * ROW_ALIGNMENT;
  for (let slice = 0; slice < size.depthOrArrayLayers; slice++) {
    await staging.fetch(
      bytesPerRow * rows,
      (encoder, buffer, offset) =>
        encoder.copyTextureToBuffer(
          { texture, mipLevel, origin: { x: 0, y: 0, z: slice } },
          { buffer, offset, bytesPerRow, rowsPerImage: rows },
          { ...size, depthOrArrayLayers: 1 },
        ),
      (padded) => {
        for (let row = 0; row < rows; row++) {
          const start = row * bytesPerRow;
          into.set(padded.subarray(start, start + rowBytes), (slice * rows + row) * rowBytes);
        }
      },
      `copy out of level ${mipLevel} of a texture (${texture.format})`,
    );
  }
}

function levelsIn(recipe: TextureRecipe): Pick<Level, "size" | "rows" | "rowBytes">[] {
  const block = blockOf(recipe.format);
  return Array.from({ length: recipe.mipLevels ?? 1 }, (_, mipLevel) => {
    const { width, height, depthOrArrayLayers } = extentOf(recipe, mipLevel);
    const columns = Math.ceil(width / block.width);
    const rows = Math.ceil(height / block.height);
    const size = { width: columns * block.width, height: rows * block.height, depthOrArrayLayers };
    return { size, rows, rowBytes: columns * block.bytes };
  });
}
