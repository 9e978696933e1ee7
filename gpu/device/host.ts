import { arrayOver, type DType, elementBytes, elementsOf, type OwnArrayOf } from "../state/dtype.ts";
import { tensor } from "../state/schema.ts";
import { copyBytes } from "../state/values.ts";
import type { BufferKind, Device, DeviceBuffer } from "./device.ts";

/** A buffer in the memory of this process. */
export interface HostBuffer<D extends DType = DType> extends DeviceBuffer<D> {
  /** The elements themselves. Of length 0 once the buffer is released. */
  readonly array: OwnArrayOf<D>;
}

/** The buffers of {@linkcode host}. */
export interface HostBufferKind extends BufferKind {
  /** A buffer of this dtype in memory of the process. */
  readonly buffer: HostBuffer<this["dtype"]>;
}

/**
 * The device that is there on any machine: the memory of this process.
 *
 * @example
 * ```ts
 * import { allocateBuffers, defineState, host, tensor } from "criu-aware/gpu";
 * const buffers = await allocateBuffers(host(), defineState({ weights: tensor("f32", [64]) }));
 * buffers.weights.current.array[0] = 1;
 * ```
 */
export function host(): Device<HostBufferKind> {
  return {
    kind: "host",
    allocate<D extends DType>(dtype: D, shape: readonly number[]): HostBuffer<D> {
      const spec = tensor(dtype, shape);
      const bytes = (elementsOf(shape) as number) * elementBytes(dtype);
      return { dtype, shape: spec.shape, array: arrayOver(dtype, new ArrayBuffer(bytes)) };
    },
    upload: (buffer, view) => copyBytes(view, (buffer as HostBuffer).array.buffer),
    download: (buffer, view) => copyBytes((buffer as HostBuffer).array, view.buffer),
    fence: () => {},
    // Detached, so that a use after release shows, and so that a dump does not write the bytes twice.
    release: (buffer) => void (buffer as HostBuffer).array.buffer.transfer(0),
    [Symbol.dispose]: () => {},
  };
}
