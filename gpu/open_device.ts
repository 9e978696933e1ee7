import type { CudaDevice, CudaDeviceOptions } from "./cuda/device.ts";
import type { Device } from "./device/device.ts";
import { type HostBufferKind, host } from "./device/host.ts";
import type { WebGpuDevice, WebGpuOptions } from "./webgpu/device.ts";
import type { Program } from "./webgpu/program.ts";

/** The devices of this library by name. */
export const deviceKinds = ["host", "webgpu", "cuda"] as const;

/** A device of this library by name. */
export type DeviceName = (typeof deviceKinds)[number];

/**
 * Opens a device by its name, and loads the code for no other.
 * @throws {DeviceError | CudaUnavailableError} when it cannot be used here; the message says what to install.
 * @throws {RangeError} for a name that there is not.
 *
 * @example
 * ```ts
 * import { openDevice } from "criu-aware/gpu";
 * using device = await openDevice(process.env.DEVICE === "webgpu" ? "webgpu" : "host");
 * ```
 */
export function openDevice(kind: "host"): Promise<Device<HostBufferKind>>;
/** WebGPU, with the app's program `P` on it. */
export function openDevice<P extends Program = Program>(
  kind: "webgpu",
  options?: WebGpuOptions,
): Promise<WebGpuDevice<P>>;
/** An NVIDIA GPU. */
export function openDevice(kind: "cuda", options?: CudaDeviceOptions): Promise<CudaDevice>;
/** A device whose name is known at run time only. */
export function openDevice(kind: DeviceName): Promise<Device>;
export async function openDevice(kind: DeviceName, options: object = {}): Promise<unknown> {
  if (kind === "host") return host();
  if (kind === "webgpu") return await (await import("./webgpu/open.ts")).webgpu(options);
  if (kind === "cuda") return await (await import("./cuda/device.ts")).cuda(options);
  throw new RangeError(`Cannot open the device ${String(kind)}: there is ${deviceKinds.join(", ")}.`);
}
