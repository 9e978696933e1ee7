import type { DType, OwnArrayOf } from "../state/dtype.ts";

/** Memory of a device that holds one tensor. */
export interface DeviceBuffer<D extends DType = DType> {
  /** Its element type. */
  readonly dtype: D;
  /** Its dimensions, the outermost first; [] for a scalar. */
  readonly shape: readonly number[];
}

/**
 * Which buffer a device makes for a dtype: a function from type to type, as TypeScript can express it. A device extends
 * it with `readonly buffer: ItsBuffer<this["dtype"]>`.
 */
export interface BufferKind {
  /** The dtype that is asked for. */
  readonly dtype: DType;
  /** The buffer that a device makes for it. */
  readonly buffer: DeviceBuffer;
}

/** The buffer that a device of kind `K` makes for dtype `D`. */
export type BufferOf<K extends BufferKind, D extends DType> = (K & { readonly dtype: D })["buffer"];

/** What a device can hold, as data. */
export interface DeviceLimits {
  /** Bytes of the largest buffer. */
  readonly maxBufferBytes: number;
  /** Buffers take memory in multiples of this many bytes. */
  readonly alignment: number;
}

/**
 * Where tensors are computed with: what this library has to know of an accelerator to carry its state through a
 * checkpoint. Anybody can implement it; `criu-aware/gpu/conformance` tests that.
 *
 * The views of `upload` and `download` are over shared memory, aligned to 256 bytes, and as long as the buffer; they
 * live until the next `fence` has ended. Disposal gives back the device itself.
 *
 * The optional methods are for a device that CRIU cannot dump. Around a checkpoint they are called like this, and a
 * failure at any point leads to `resume` and `bind`:
 *
 *     quiesce → fence → download … → fence → (commit) → release … → suspend → checkpoint →
 *     resume → (checksums) → allocate, upload, fence … → bind
 */
export interface Device<K extends BufferKind = BufferKind> extends Disposable {
  /** Names the kind of device, for messages: `host`, `webgpu`, `cuda`. */
  readonly kind: string;
  /** What it can hold. Absent: only memory limits it. */
  readonly limits?: DeviceLimits;
  /** Makes a buffer of zeros. */
  allocate<D extends DType>(dtype: D, shape: readonly number[]): BufferOf<K, D> | Promise<BufferOf<K, D>>;
  /** Copies `view` into the buffer. It may still be under way until `fence`. */
  upload<D extends DType>(buffer: BufferOf<K, D>, view: OwnArrayOf<D>): void | Promise<void>;
  /** Copies the buffer into `view`. It may still be under way until `fence`. */
  download<D extends DType>(buffer: BufferOf<K, D>, view: OwnArrayOf<D>): void | Promise<void>;
  /** Waits for all work and all copies. */
  fence(): void | Promise<void>;
  /**
   * crc32 of what was last downloaded into this memory, when the device computed it while other copies were under way;
   * undefined when it did not, and before `fence` has ended.
   */
  checksumOf?(buffer: ArrayBufferLike): number | undefined;
  /** Frees the memory of the buffer, which must not be used afterwards. */
  release<D extends DType>(buffer: BufferOf<K, D>): void | Promise<void>;
  /** Waits for the app's work that is under way, and keeps new work waiting until `bind`. */
  quiesce?(): void | Promise<void>;
  /**
   * Gives back all that CRIU cannot dump: descriptors, mappings, threads of a driver. All buffers were released. Nothing
   * happens when that was done before. `criuOptions` are what CRIU will be given, by name, as far as the driver told.
   */
  suspend?(criuOptions?: readonly string[]): void | Promise<void>;
  /**
   * Opens the device again, if it was suspended. Throws when what is there now cannot hold what the old one held; nothing
   * was changed then.
   */
  resume?(): void | Promise<void>;
  /**
   * Says which buffer holds which tensor, by its full name: once all are allocated, and again after each recovery. What
   * the device makes from buffers (bind groups) it makes now, and work goes on.
   */
  bind?(buffers: ReadonlyMap<string, BufferOf<K, DType>>): void | Promise<void>;
}
