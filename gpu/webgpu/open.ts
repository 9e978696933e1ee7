import type { WebGpuDevice, WebGpuOptions } from "./device.ts";
import { openLocal } from "./local.ts";
import type { Program } from "./program.ts";
import { openRemote } from "./remote.ts";

/**
 * Opens WebGPU: Deno's own, or that of the package bun-webgpu in Bun.
 * @throws {DeviceError} `unavailable` when there is no adapter or no package, `different` when it lacks a limit or feature.
 *
 * @example
 * ```ts
 * import { webgpu } from "criu-aware/gpu/webgpu";
 * using device = await webgpu({ limits: { maxBufferSize: 2 ** 30 } });
 * console.log(device.adapter);
 * ```
 */
export async function webgpu<P extends Program = Program>(options: WebGpuOptions = {}): Promise<WebGpuDevice<P>> {
  const canWork = process.platform === "linux" && !process.versions.bun && options.program !== undefined;
  const { thread = canWork ? "worker" : "main thread" } = options;
  if (thread === "main thread") return await openLocal<P>(options);
  if (thread !== "worker")
    throw new RangeError(`Cannot open WebGPU on ${thread}: there is "worker" and "main thread".`);
  if (options.program === undefined) {
    throw new RangeError("Cannot open WebGPU in a worker without a program: say where the app's code for it is.");
  }
  return await openRemote<P>(options);
}
