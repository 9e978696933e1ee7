/**
 * Typed GPU state that survives a checkpoint: named tensors in shared memory, in safetensors layout, and the devices
 * that they are computed with.
 *
 * A saved segment is one safetensors file for any reader. Names that begin with `criu-aware.` are reserved: `.control`,
 * the first tensor, holds commit word, generation and checksums; `.fill.N` are the gaps before aligned tensors.
 *
 * @module
 */

export { bindBuffers } from "./bind.ts";
export { allocateBuffers, type Buffers, type Handle } from "./buffers.ts";
export type { SaveOptions } from "./changes.ts";
export { type DescribedTensor, describeState, type StateDescription } from "./describe.ts";
export type { BufferKind, BufferOf, Device, DeviceBuffer, DeviceLimits } from "./device.ts";
export { DeviceError, type DeviceErrorCode } from "./device_error.ts";
export type { ArrayOf, DType, OwnArrayOf, ScalarOf } from "./dtype.ts";
export { type HostBuffer, type HostBufferKind, host } from "./host.ts";
export { type DeviceName, deviceKinds, openDevice } from "./open_device.ts";
export type { Reference } from "./reference.ts";
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
} from "./schema.ts";
export type { StateOptions } from "./slots.ts";
export { openState, type Snapshot, type State, type Writer } from "./state.ts";
export { StateError, type StateErrorCode } from "./state_error.ts";
export { openTensors, type Tensor, type Tensors, type TensorsWriter } from "./tensors.ts";
