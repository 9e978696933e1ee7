import { DeviceError } from "../device/device_error.ts";

/** What a copy counts in: one texel, or of a compressed format a block of them. Width and height are in texels. */
export interface TexelBlock {
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The formats that can be copied both ways, from the WebGPU specification, "Texture Format Capabilities". Which of them a
 * device has depends on its features.
 */
export const blocks: ReadonlyMap<string, TexelBlock> = new Map([
  ...each(1, 1, 1, "r8unorm r8snorm r8uint r8sint stencil8"),
  ...each(2, 1, 1, "r16uint r16sint r16float rg8unorm rg8snorm rg8uint rg8sint depth16unorm"),
  ...each(4, 1, 1, "r32uint r32sint r32float rg16uint rg16sint rg16float rgba8unorm rgba8unorm-srgb rgba8snorm"),
  ...each(4, 1, 1, "rgba8uint rgba8sint bgra8unorm bgra8unorm-srgb rgb10a2uint rgb10a2unorm rg11b10ufloat"),
  ...each(4, 1, 1, "rgb9e5ufloat"),
  ...each(8, 1, 1, "rg32uint rg32sint rg32float rgba16uint rgba16sint rgba16float"),
  ...each(16, 1, 1, "rgba32uint rgba32sint rgba32float"),
  // texture-formats-tier1
  ...each(2, 1, 1, "r16unorm r16snorm"),
  ...each(4, 1, 1, "rg16unorm rg16snorm"),
  ...each(8, 1, 1, "rgba16unorm rgba16snorm"),
  // texture-compression-bc
  ...each(8, 4, 4, "bc1-rgba-unorm bc1-rgba-unorm-srgb bc4-r-unorm bc4-r-snorm"),
  ...each(16, 4, 4, "bc2-rgba-unorm bc2-rgba-unorm-srgb bc3-rgba-unorm bc3-rgba-unorm-srgb bc5-rg-unorm bc5-rg-snorm"),
  ...each(16, 4, 4, "bc6h-rgb-ufloat bc6h-rgb-float bc7-rgba-unorm bc7-rgba-unorm-srgb"),
  // texture-compression-etc2
  ...each(8, 4, 4, "etc2-rgb8unorm etc2-rgb8unorm-srgb etc2-rgb8a1unorm etc2-rgb8a1unorm-srgb"),
  ...each(8, 4, 4, "eac-r11unorm eac-r11snorm"),
  ...each(16, 4, 4, "etc2-rgba8unorm etc2-rgba8unorm-srgb eac-rg11unorm eac-rg11snorm"),
  // texture-compression-astc
  ..."4x4 5x4 5x5 6x5 6x6 8x5 8x6 8x8 10x5 10x6 10x8 10x10 12x10 12x12".split(" ").flatMap((size) => {
    const [width, height] = size.split("x").map(Number) as [number, number];
    return each(16, width, height, `astc-${size}-unorm astc-${size}-unorm-srgb`);
  }),
]);

const UNKNOWN_DEPTHS = "each device has its own layout for its depths, and no copy reaches them";
const READ_ONLY_DEPTHS = "its depths can be copied out of it, but never back";

/** Why a format that there is cannot be kept, from the same tables. Of two aspects, one alone would be half a texture. */
const refusals: Readonly<Record<string, string>> = {
  depth24plus: UNKNOWN_DEPTHS,
  "depth24plus-stencil8": UNKNOWN_DEPTHS,
  depth32float: READ_ONLY_DEPTHS,
  "depth32float-stencil8": READ_ONLY_DEPTHS,
};

/**
 * The block of a format.
 * @throws {DeviceError} `failed` for one that cannot be copied both ways, with the reason and what to do.
 */
export function blockOf(format: string): TexelBlock {
  const block = blocks.get(format);
  if (block) return block;
  const refusal = Object.hasOwn(refusals, format) ? refusals[format] : undefined;
  throw new DeviceError(
    "failed",
    refusal
      ? `Cannot keep a texture of the format ${format} in a state: ${refusal}. Keep it in the recipes alone and draw it anew after a restore, or use depth16unorm for depths and stencil8 for a stencil.`
      : `Cannot keep a texture of the format ${format} in a state: no such format is known.`,
  );
}

function each(bytes: number, width: number, height: number, formats: string): [string, TexelBlock][] {
  return formats.split(" ").map((format) => [format, { bytes, width, height }]);
}
