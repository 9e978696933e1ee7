import type { DType, OwnArrayOf } from "./dtype.ts";

/** Memory of a device that holds one tensor. */
export interface DeviceBuffer<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
}

/**
 * Which buffer a device makes for a dtype: a function from type to type, as TypeScript can express it. A device extends
 * it with `readonly buffer: ItsBuffer<this["dtype"]>`.
 */
export interface BufferKind {
  readonly dtype: DType;
  readonly buffer: DeviceBuffer;
}

/** The buffer that a device of kind `K` makes for dtype `D`. */
export type BufferOf<K extends BufferKind, D extends DType> = (K & { readonly dtype: D })["buffer"];

/**
 * Where tensors are computed with. The views of `upload` and `download` are over shared memory, aligned to 256 bytes,
 * and as long as the buffer; they live until the next `fence` has ended. Disposal gives back the device itself.
 */
export interface Device<K extends BufferKind = BufferKind> extends Disposable {
  /** Names the kind of device, for messages: `host`, `webgpu`, `cuda`. */
  readonly kind: string;
  /** Makes a buffer of zeros. */
  allocate<D extends DType>(dtype: D, shape: readonly number[]): BufferOf<K, D> | Promise<BufferOf<K, D>>;
  /** Copies `view` into the buffer. It may still be under way until `fence`. */
  upload<D extends DType>(buffer: BufferOf<K, D>, view: OwnArrayOf<D>): void | Promise<void>;
  /** Copies the buffer into `view`. It may still be under way until `fence`. */
  download<D extends DType>(buffer: BufferOf<K, D>, view: OwnArrayOf<D>): void | Promise<void>;
  /** Waits for all work and all copies. */
  fence(): void | Promise<void>;
  /** Frees the memory of the buffer, which must not be used afterwards. */
  release<D extends DType>(buffer: BufferOf<K, D>): void | Promise<void>;
}
