import { type Cuda, type CudaOptions, type GpuInfo, listGpus, openCuda } from "../../ffi/libcuda.ts";
import { CudaError } from "../../ffi/libcuda_errors.ts";
import type { BufferKind, BufferOf, Device, DeviceBuffer, DeviceLimits } from "../device/device.ts";
import { DeviceError } from "../device/device_error.ts";
import { type DType, elementBytes, elementsOf, type OwnArrayOf } from "../state/dtype.ts";
import { tensor } from "../state/schema.ts";
import { openSession, type Session } from "./session.ts";

// What cuMemAlloc rounds up to.
const ALIGNMENT = 512;

/** Memory of an NVIDIA GPU. */
export interface CudaBuffer<D extends DType = DType> extends DeviceBuffer<D> {
  /** A CUdeviceptr of the primary context, as kernels take it; 0 for an empty tensor. */
  readonly address: bigint;
  /** Its size. */
  readonly bytes: number;
}

/** The buffers of {@linkcode cuda}. */
export interface CudaBufferKind extends BufferKind {
  /** A buffer of this dtype in memory of the GPU. */
  readonly buffer: CudaBuffer<this["dtype"]>;
}

/** Which GPU, and how libcuda is found. */
export interface CudaDeviceOptions extends CudaOptions {
  /** The ordinal of the GPU among those that the process may use: a device each for several. @default 0 */
  readonly gpu?: number;
}

/** One NVIDIA GPU. */
export interface CudaDevice extends Device<CudaBufferKind> {
  /** Tells it from other devices. */
  readonly kind: "cuda";
  /** Those of the GPU that is there now. */
  readonly limits: DeviceLimits;
  /** The GPU that is there now. */
  readonly gpu: GpuInfo;
  /** Bytes of shared memory that are pinned now. */
  readonly pinnedBytes: number;
  /**
   * Pins the shared memory that `view` lies in: the first copy does it otherwise, and takes longer. False when it cannot be
   * pinned; copies work all the same.
   */
  pin(view: ArrayBufferView): boolean;
  /**
   * crc32 of what was last downloaded into this memory, computed while the rest was still on its way. Undefined
   * before `fence` has ended.
   */
  checksumOf(buffer: ArrayBufferLike): number | undefined;
  /**
   * Gives the GPU back: pinned memory, stream and context. All buffers must have been released. Nothing happens when it was
   * given back before.
   * @param criuOptions what CRIU's driver gave (`ctx.criuOptions`): with `cuda` among them, device files and a context that other
   * libraries hold are left to the process checkpoint of NVIDIA's driver.
   * @throws {CudaHeldError} when buffers are left, when another library has the context, or, with no other GPU open, when
   * device files are open or mapped.
   */
  suspend(criuOptions?: readonly string[]): void;
  /**
   * Opens the GPU again. Nothing happens when it is open.
   * @throws {DeviceError} `different` when the GPU of this number has less memory than was in use.
   * @throws {CudaError}
   */
  resume(): void;
}

/**
 * Opens an NVIDIA GPU by the CUDA driver API.
 *
 * The driver keeps its device files open until the process ends, and CRIU cannot dump them: let the driver side dump with its
 * option for CUDA, or do the GPU work in a child process that has ended before the checkpoint.
 * @throws {CudaUnavailableError} without driver or GPU, or with a driver that is too old.
 * @throws {CudaError} when there is no such GPU, or it cannot be opened.
 *
 * @example
 * ```ts
 * import { cuda } from "criu-aware/gpu/cuda";
 * using device = await cuda({ gpu: 0 });
 * const weights = await device.allocate("f32", [1024, 1024]);
 * weights.address; // for kernels
 * ```
 */
export async function cuda(options: CudaDeviceOptions = {}): Promise<CudaDevice> {
  const { gpu = 0 } = options;
  const driver = await openCuda(options);
  let info = gpuOf(driver, gpu);
  let used = 0;
  let session: Session | undefined = openSession(driver, gpu);
  const open = (): Session => {
    if (session) return session;
    throw new DeviceError(
      "suspended",
      `Cannot use GPU ${gpu}: it was given back for a checkpoint. Wait for the recovery.`,
    );
  };
  return {
    kind: "cuda",
    get limits() {
      return { maxBufferBytes: info.memoryBytes, alignment: ALIGNMENT };
    },
    get gpu() {
      return info;
    },
    get pinnedBytes() {
      return session?.pinnedBytes ?? 0;
    },
    async allocate<D extends DType>(dtype: D, shape: readonly number[]): Promise<BufferOf<CudaBufferKind, D>> {
      const spec = tensor(dtype, shape);
      const bytes = (elementsOf(shape) as number) * elementBytes(dtype);
      const address = await open().allocate(bytes);
      return { dtype, shape: spec.shape, address, bytes } as CudaBuffer<D> as BufferOf<CudaBufferKind, D>;
    },
    upload: (buffer, view) => open().upload(addressOf(buffer, view), bytesOf(view)),
    download: (buffer, view) => open().download(addressOf(buffer, view), bytesOf(view)),
    fence: () => open().finish(),
    release: (buffer) => open().free((buffer as CudaBuffer).address),
    pin: (view) => open().pin(bytesOf(view)),
    checksumOf: (buffer) => session?.checksumOf(buffer),
    suspend(criuOptions = []): void {
      const closing = session;
      if (!closing) return;
      closing.refuseBuffers();
      session = undefined;
      used = closing.mostBytes;
      closing.close(criuOptions.includes("cuda") ? "left to the driver" : "must be gone");
    },
    resume(): void {
      if (session) return;
      const now = gpuOf(driver, gpu);
      if (now.memoryBytes < used) {
        const text = `GPU ${gpu} is now a ${now.name} with ${now.memoryBytes} bytes, and ${used} were in use`;
        throw new DeviceError("different", `Cannot resume: ${text}. Restore where there is a larger GPU.`);
      }
      session = openSession(driver, gpu);
      info = now;
    },
    [Symbol.dispose](): void {
      session?.abandon();
      session = undefined;
    },
  };
}

function gpuOf(driver: Cuda, gpu: number): GpuInfo {
  const found = Number.isSafeInteger(gpu) && gpu >= 0 ? listGpus(driver)[gpu] : undefined;
  if (found) return found;
  throw new CudaError(`open GPU ${gpu}`, 101, "CUDA_ERROR_INVALID_DEVICE");
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** A view of another length would let the GPU write over what is not its own. */
function addressOf(buffer: DeviceBuffer, view: OwnArrayOf<DType>): bigint {
  const { address, bytes } = buffer as CudaBuffer;
  if (view.byteLength === bytes) return address;
  throw new RangeError(`Cannot copy between a buffer of ${bytes} bytes and a view of ${view.byteLength}.`);
}
