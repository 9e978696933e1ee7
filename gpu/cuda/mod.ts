/**
 * NVIDIA GPUs as devices, by the CUDA driver API: no CUDA toolkit is needed, only the driver.
 *
 * In Deno it needs `--allow-ffi`.
 *
 * @module
 */
export type { CudaOptions, GpuInfo } from "../../ffi/libcuda.ts";
export { CudaError, type CudaReason, CudaUnavailableError } from "../../ffi/libcuda_errors.ts";
export { type CudaBuffer, type CudaBufferKind, type CudaDevice, type CudaDeviceOptions, cuda } from "./device.ts";
export { CudaHeldError, deviceFiles } from "./held.ts";
