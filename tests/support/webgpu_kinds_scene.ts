/** Textures of every format and dimension, carried through a checkpoint and compared byte by byte. */
import assert from "node:assert/strict";
import { bindBuffers } from "../../gpu/device/bind.ts";
import { allocateBuffers, defineState, openState, type TensorSpec, tensor } from "../../gpu/mod.ts";
import { textureState, type WebGpuDevice, webgpu } from "../../gpu/webgpu/mod.ts";
import { gpu } from "../../resources/gpu.ts";
import { driverFiles } from "./driver_files.ts";
import { prepare, recover } from "./hooks.ts";
import { textures } from "./webgpu_kinds.ts";

const found = { texels: tensor("u8", [20]) };

export async function textureKinds(): Promise<void> {
  const schema: Record<string, Record<string, TensorSpec<"u8">>> = { found };
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, recipe] of Object.entries(textures)) {
    const levels = textureState(recipe);
    schema[name] = levels;
    for (const [level, { shape }] of Object.entries(levels)) contents.set(`${name}.${level}`, bytesFor(shape));
  }
  const at = (name: string, place: number): number => contents.get(name)?.[place] as number;
  const wordAt = (name: string, place: number): number => at(name, 2 * place) + 256 * at(name, 2 * place + 1);
  // The last block of the first layer is red: the first of its two colors, for all texels.
  contents.get("bc1-rgba-unorm.0")?.set([0x00, 0xf8, 0, 0, 0, 0, 0, 0], (5 * 37 - 1) * 8);
  const texels = Uint32Array.of(
    wordAt("volume.1", (4 * 3 + 2) * 64 + 60),
    at("line.0", 300),
    wordAt("depth16unorm.0", 4 * 37 + 36),
    at("stencil8.1", 18 + 17),
    0xff_00_00_ff,
  );

  using device = await open("texture-compression-bc", "texture-compression-etc2", "texture-compression-astc");
  using state = await openState(schema);
  const buffers = await allocateBuffers(device, schema);
  for (const [name, bytes] of contents) await device.upload(named(buffers, name).current, bytes);
  await bindBuffers(device, schema, buffers);
  const resource = gpu({ device, state, buffers });
  const check = (): void => {
    const saved = state.load();
    assert.deepEqual(new Uint32Array(named(saved, "found.texels").slice().buffer), texels);
    for (const [name, bytes] of contents) assert.deepEqual(named(saved, name), bytes, name);
  };
  await device.call("look");
  await prepare(resource);
  assert.deepEqual(driverFiles(), []);
  check();
  await recover(resource);
  // What is saved next can only come from the new textures.
  await device.call("look");
  await resource.save();
  check();
}

/** A device that was opened without the features of compressed formats. */
export async function textureWithoutFeature(): Promise<void> {
  using device = await open();
  const schema = defineState({ found });
  const buffers = await allocateBuffers(device, schema);
  const message = /Cannot make the texture bc1-rgba-unorm: .*texture_?compression_?bc/is;
  await assert.rejects(bindBuffers(device, schema, buffers), { name: "DeviceError", code: "failed", message });
}

function open(...features: string[]): Promise<WebGpuDevice<typeof import("./webgpu_kinds.ts")>> {
  return webgpu({ program: new URL("./webgpu_kinds.ts", import.meta.url), features });
}

/** Bytes that depend on their place, so that no row and no slice can take the place of another. */
function bytesFor(shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(shape.reduce((product, length) => product * length, 1));
  return bytes.map((_, at) => Math.imul(at + 1, 2654435761) >>> 13);
}

function named<T>(values: Readonly<Record<string, Readonly<Record<string, T>>>>, name: string): T {
  const [texture, level] = name.split(".") as [string, string];
  return values[texture]?.[level] as T;
}
