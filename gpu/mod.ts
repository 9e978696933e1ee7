/**
 * Typed GPU state that survives a checkpoint: named tensors in shared memory, in safetensors layout, and the devices
 * that they are computed with.
 *
 * A saved segment is one safetensors file for any reader. Names that begin with `criu-aware.` are reserved: `.control`,
 * the first tensor, holds commit word, generation and checksums; `.fill.N` are the gaps before aligned tensors.
 *
 * In Deno it needs `--allow-ffi`. A file that is read by its path (`importFrom`, references) needs `--allow-all`: it is looked at before it
 * is opened, by way of /proc.
 *
 * @module
 */

export { bindBuffers } from "./device/bind.ts";
export { allocateBuffers, type Buffers, type Handle } from "./device/buffers.ts";
export type { BufferKind, BufferOf, Device, DeviceBuffer, DeviceLimits } from "./device/device.ts";
export { DeviceError, type DeviceErrorCode } from "./device/device_error.ts";
export { type HostBuffer, type HostBufferKind, host } from "./device/host.ts";
export { type DeviceName, deviceKinds, openDevice } from "./open_device.ts";
export type { SaveOptions } from "./state/changes.ts";
export { type DescribedTensor, describeState, type StateDescription } from "./state/describe.ts";
export type { ArrayOf, DType, OwnArrayOf, ScalarOf } from "./state/dtype.ts";
export type { Reference } from "./state/reference.ts";
export {
  defineState,
  type Loaded,
  type ScalarSpec,
  type Schema,
  type Spec,
  scalar,
  type TensorSpec,
  tensor,
  type Values,
  type Views,
} from "./state/schema.ts";
export type { StateOptions } from "./state/slots.ts";
export { openState, type Snapshot, type State, type Writer } from "./state/state.ts";
export { StateError, type StateErrorCode } from "./state/state_error.ts";
export { openTensors, type Tensor, type Tensors, type TensorsWriter } from "./state/tensors.ts";
