import type { BufferKind, Device, DeviceBuffer } from "../device/device.ts";
import type { DeviceError } from "../device/device_error.ts";
import type { DType } from "../state/dtype.ts";
import type { Needs } from "./needs.ts";
import type { Caller, Program } from "./program.ts";
import type { GpuDevice } from "./types.ts";

/** A buffer of a WebGPU device. The app's program finds its GPUBuffer by the name of the tensor. */
export interface WebGpuBuffer<D extends DType = DType> extends DeviceBuffer<D> {}

/** The buffers of a WebGPU device. */
export interface WebGpuBufferKind extends BufferKind {
  /** A buffer of this dtype on the device. */
  readonly buffer: WebGpuBuffer<this["dtype"]>;
}

/** How a WebGPU device is opened. */
export interface WebGpuOptions extends Needs {
  /** The module of the app with its code for the device: `new URL("./trainer_gpu.ts", import.meta.url)`. */
  readonly program?: URL | string;
  /**
   * The thread that has the device. A `worker` is started and ended by this library, and with it the driver goes; it needs
   * a `program`, and Linux. On the `main thread` Bun unloads the driver all the same. Deno destroys the device but keeps
   * its driver mapped: a dump carries it, the restore needs the very same driver file, and a driver that keeps its device
   * files open (NVIDIA's does) cannot be dumped.
   * @default "worker" in Deno on Linux when there is a program, else "main thread"
   */
  readonly thread?: "worker" | "main thread";
  /** The device was lost, other than by a checkpoint. `gpu(…).recover()` brings back what was last saved. */
  readonly onLost?: (why: DeviceError) => void;
}

/** A WebGPU device, with the app's program on it. */
export interface WebGpuDevice<P extends Program = Program> extends Device<WebGpuBufferKind> {
  /** Tells it from other devices. */
  readonly kind: "webgpu";
  /** Vendor and name of the adapter. */
  readonly adapter: string;
  /** Why the driver stays in this process after `suspend`; undefined where it goes. */
  readonly keepsDriver: string | undefined;
  /** The device itself, where it is on this thread. Never keep it: after a checkpoint there is a new one. */
  readonly gpu: GpuDevice;
  /**
   * Runs a function of the program. A call during a checkpoint waits for the recovery.
   * @throws what the function throws; across a thread an Error of the same name and message.
   */
  readonly call: Caller<P>;
}
