/** NVIDIA's driver API, libcuda. It comes with the driver and not with the toolkit. */

import { type Libc, openLibc } from "./libc.ts";
import { CudaError, type CudaReason, CudaUnavailableError } from "./libcuda_errors.ts";
import type { Bound, SymbolTable } from "./runtime.ts";

// Parameters as in cuda.h. There `cuMemAlloc` and others are macros for the names with a version that the driver exports.
// CUdevice, CUresult: i32; CUdeviceptr: u64; CUcontext, CUstream, CUevent and addresses of the host: usize.
const symbols = {
  cuCtxPopCurrent_v2: [["buffer"], "i32"],
  cuCtxPushCurrent_v2: [["usize"], "i32"],
  cuCtxSynchronize: [[], "i32"],
  cuDeviceGet: [["buffer", "i32"], "i32"],
  cuDeviceGetCount: [["buffer"], "i32"],
  cuDeviceGetName: [["buffer", "i32", "i32"], "i32"],
  cuDeviceGetPCIBusId: [["buffer", "i32", "i32"], "i32"],
  cuDeviceGetUuid_v2: [["buffer", "i32"], "i32"],
  cuDevicePrimaryCtxGetState: [["i32", "buffer", "buffer"], "i32"],
  cuDevicePrimaryCtxRelease_v2: [["i32"], "i32"],
  cuDevicePrimaryCtxRetain: [["buffer", "i32"], "i32"],
  cuDeviceTotalMem_v2: [["buffer", "i32"], "i32"],
  cuDriverGetVersion: [["buffer"], "i32"],
  cuEventCreate: [["buffer", "u32"], "i32"],
  cuEventDestroy_v2: [["usize"], "i32"],
  cuEventQuery: [["usize"], "i32"],
  cuEventRecord: [["usize", "usize"], "i32"],
  cuGetErrorName: [["i32", "buffer"], "i32"],
  cuInit: [["u32"], "i32"],
  cuMemAlloc_v2: [["buffer", "usize"], "i32"],
  cuMemFreeHost: [["usize"], "i32"],
  cuMemFree_v2: [["u64"], "i32"],
  cuMemHostAlloc: [["buffer", "usize", "u32"], "i32"],
  cuMemHostRegister_v2: [["usize", "usize", "u32"], "i32"],
  cuMemHostUnregister: [["usize"], "i32"],
  cuMemcpyDtoHAsync_v2: [["usize", "u64", "usize", "usize"], "i32"],
  cuMemcpyHtoDAsync_v2: [["u64", "usize", "usize", "usize"], "i32"],
  cuMemsetD8Async: [["u64", "u32", "usize", "usize"], "i32"],
  cuStreamCreate: [["buffer", "u32"], "i32"],
  cuStreamDestroy_v2: [["usize"], "i32"],
} as const;

/** libcuda, bound for this thread and initialised. */
export interface Cuda extends Bound<typeof symbols> {
  readonly libc: Libc;
  /** The file or soname that was opened. */
  readonly library: string;
  /** The CUDA version that the driver speaks, as `13.0`. */
  readonly version: string;
  /** Throws CudaError unless `result` is CUDA_SUCCESS. `call` says what was to be done. */
  check(result: number, call: string): void;
  /** Calls a function whose first parameter is where a pointer, a handle or a size_t is written, and returns that. */
  out(call: string, make: (out: Uint8Array) => number): bigint;
  /** Binds more functions. Throws CudaUnavailableError `driver too old`, with `since`, when the driver lacks one. */
  bind<const T extends SymbolTable>(table: T, since: string): Bound<T>;
}

/** How libcuda is found. */
export interface CudaOptions {
  /** The library to open. Tests open a fake by its path. @default "libcuda.so.1" */
  readonly library?: string;
}

/**
 * Opens libcuda and calls cuInit.
 * @throws {CudaUnavailableError} without driver or GPU, or with a driver that is too old.
 * @throws {CudaError} when cuInit fails otherwise.
 * @throws {UnsupportedPlatformError} on anything but Linux.
 */
export async function openCuda({ library = "libcuda.so.1" }: CudaOptions = {}): Promise<Cuda> {
  const libc = await openLibc();
  const bind = <const T extends SymbolTable>(table: T, reason: CudaReason, since: string): Bound<T> => {
    try {
      return libc.runtime.dlopen(library, table);
    } catch (cause) {
      throw new CudaUnavailableError(reason, library, since, { cause });
    }
  };
  // One function that every driver has: when this fails there is no library, and afterwards it lacks a function.
  bind({ cuInit: symbols.cuInit }, "no driver", "");
  const calls = bind(symbols, "driver too old", "11.4 (driver 470)");
  const { strlen } = libc.runtime.dlopen(libc.soname, { strlen: [["usize"], "usize"] });
  const nameOf = (result: number): string => {
    const at = new BigUint64Array(1);
    const known = calls.cuGetErrorName(result, new Uint8Array(at.buffer)) === 0 && at[0] !== 0n;
    return known ? text(libc, at[0] as bigint, Number(strlen(at[0] as bigint))) : `CUDA error ${result}`;
  };
  const check = (result: number, call: string): void => {
    if (result !== 0) throw new CudaError(call, result, nameOf(result));
  };
  const started = calls.cuInit(0);
  if (started !== 0 && nameOf(started) === "CUDA_ERROR_NO_DEVICE")
    throw new CudaUnavailableError("no GPU", library, "");
  check(started, "initialise CUDA");
  const version = new Int32Array(1);
  check(calls.cuDriverGetVersion(new Uint8Array(version.buffer)), "ask for the version of the driver");
  return {
    ...calls,
    libc,
    library,
    version: `${Math.floor((version[0] as number) / 1000)}.${Math.floor(((version[0] as number) % 1000) / 10)}`,
    check,
    out(call, make) {
      const at = new BigUint64Array(1);
      check(make(new Uint8Array(at.buffer)), call);
      return at[0] as bigint;
    },
    bind: (table, since) => bind(table, "driver too old", since),
  };
}

/** The ordinal of each GPU that the process may use (CUDA_VISIBLE_DEVICES) is its index here. */
export interface GpuInfo {
  /** The model, such as `NVIDIA H100 80GB HBM3`. */
  readonly name: string;
  /** `GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, as nvidia-smi prints it. */
  readonly uuid: string;
  /** All of its memory, used or not. */
  readonly memoryBytes: number;
  /** `00000000:01:00.0`, as in /sys/bus/pci/devices but for upper case and the length of the domain. */
  readonly pciBusId: string;
}

/** The GPUs of this machine. */
export function listGpus(cuda: Cuda): GpuInfo[] {
  const count = Number(cuda.out("count the GPUs", (out) => cuda.cuDeviceGetCount(out)));
  return Array.from({ length: count }, (_, ordinal) => {
    const call = `look at GPU ${ordinal}`;
    const device = Number(cuda.out(call, (out) => cuda.cuDeviceGet(out, ordinal)));
    const [name, bus, uuid] = [new Uint8Array(256), new Uint8Array(64), new Uint8Array(16)];
    cuda.check(cuda.cuDeviceGetName(name, name.length, device), call);
    cuda.check(cuda.cuDeviceGetPCIBusId(bus, bus.length, device), call);
    cuda.check(cuda.cuDeviceGetUuid_v2(uuid, device), call);
    const memoryBytes = Number(cuda.out(call, (out) => cuda.cuDeviceTotalMem_v2(out, device)));
    return { name: untilNul(name), uuid: formatUuid(uuid), memoryBytes, pciBusId: untilNul(bus) };
  });
}

/** The 16 bytes of a CUuuid as nvidia-smi prints them. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `GPU-${hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
}

function untilNul(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

function text(libc: Libc, address: bigint, bytes: number): string {
  return new TextDecoder().decode(libc.runtime.view(address, bytes).slice(0));
}
