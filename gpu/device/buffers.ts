import type { DType, OwnArrayOf } from "../state/dtype.ts";
import { flatten, mapSchema, type Schema, type Spec, type Views } from "../state/schema.ts";
import type { BufferKind, BufferOf, Device } from "./device.ts";

/** A buffer that may be made anew by a restore. Keep the handle, and ask it for `current` at each use. */
export interface Handle<B> {
  /** The buffer. Throws while it is released, between the checkpoint and its recovery. */
  readonly current: B;
}

/** The handles of a schema. */
export type Buffers<S, K extends BufferKind> = {
  readonly [N in keyof S]: S[N] extends Spec ? Handle<BufferOf<K, S[N]["dtype"]>> : Buffers<S[N], K>;
};

type Buffer = BufferOf<BufferKind, DType>;

/** The handle as its owner sees it. */
class BufferHandle implements Handle<Buffer> {
  readonly name: string;
  readonly spec: Spec;
  buffer: Buffer | undefined;

  constructor(name: string, spec: Spec, buffer: Buffer) {
    this.name = name;
    this.spec = spec;
    this.buffer = buffer;
  }

  get current(): Buffer {
    if (this.buffer) return this.buffer;
    throw new Error(`Cannot use the buffer ${this.name}: it is released for a checkpoint. Wait for the recovery.`);
  }
}

/**
 * Allocates a buffer of zeros on `device` for everything in the schema. When one cannot be allocated those made before
 * are released again.
 *
 * @example
 * ```ts
 * import { allocateBuffers, defineState, host, tensor } from "criu-aware/gpu";
 * const schema = defineState({ model: { layer1: tensor("f32", [64, 64]) } });
 * const buffers = await allocateBuffers(host(), schema);
 * buffers.model.layer1.current; // the buffer of the device
 * ```
 */
export async function allocateBuffers<S extends Schema, K extends BufferKind>(
  device: Device<K>,
  schema: S,
): Promise<Buffers<S, K>> {
  const handles = new Map<string, BufferHandle>();
  try {
    for (const [name, spec] of flatten(schema)) {
      handles.set(name, new BufferHandle(name, spec, await device.allocate(spec.dtype, spec.shape)));
    }
  } catch (error) {
    for (const { current } of handles.values()) await device.release(current);
    throw error;
  }
  return mapSchema(schema, (_, name) => handles.get(name)) as Buffers<S, K>;
}

/** Copies every buffer into the view of the same name, and waits until that is done. */
export async function downloadBuffers<S extends Schema, K extends BufferKind>(
  device: Device<K>,
  schema: S,
  buffers: Buffers<S, K>,
  views: Views<S>,
  signal: AbortSignal,
): Promise<void> {
  for (const [handle, view] of pairs(schema, buffers, views)) {
    await device.download(handle.current, view);
    signal.throwIfAborted();
  }
  await device.fence();
  signal.throwIfAborted();
}

/** Releases every buffer. When it is aborted, or fails, the rest stays as it is. */
export async function releaseBuffers<S extends Schema, K extends BufferKind>(
  device: Device<K>,
  schema: S,
  buffers: Buffers<S, K>,
  signal: AbortSignal,
): Promise<void> {
  for (const handle of handlesOf(schema, buffers)) {
    signal.throwIfAborted();
    // A recovery that failed half-way left some without one.
    if (!handle.buffer) continue;
    const { current } = handle;
    // First, so that nobody gets a buffer that is being released.
    handle.buffer = undefined;
    await device.release(current);
  }
}

/** Whether every buffer is there. */
export function areAllocated<S extends Schema, K extends BufferKind>(schema: S, buffers: Buffers<S, K>): boolean {
  return handlesOf(schema, buffers).every(({ buffer }) => buffer !== undefined);
}

/** Bytes of uploads that may be under way: a device may keep a copy of them until the next fence. */
const UNDER_WAY = 64 << 20;

/** Allocates what was released and fills it from the view of the same name. Those that are there are left alone. */
export async function rebuildBuffers<S extends Schema, K extends BufferKind>(
  device: Device<K>,
  schema: S,
  buffers: Buffers<S, K>,
  views: Views<S>,
): Promise<void> {
  const pending: { handle: BufferHandle; buffer: Buffer; bytes: number }[] = [];
  const settle = async (): Promise<void> => {
    await device.fence();
    for (const { handle, buffer } of pending.splice(0)) handle.buffer = buffer;
  };
  try {
    for (const [handle, view] of pairs(schema, buffers, views)) {
      if (handle.buffer) continue;
      const buffer = await device.allocate(handle.spec.dtype, handle.spec.shape);
      pending.push({ handle, buffer, bytes: view.byteLength });
      await device.upload(buffer, view);
      if (pending.reduce((sum, { bytes }) => sum + bytes, 0) >= UNDER_WAY) await settle();
    }
    await settle();
  } catch (error) {
    // A copy that is under way must not end in memory that is gone.
    try {
      await device.fence();
    } catch {}
    for (const { buffer } of pending) await device.release(buffer);
    throw error;
  }
}

function handlesOf<S extends Schema, K extends BufferKind>(schema: S, buffers: Buffers<S, K>): BufferHandle[] {
  return pairs(schema, buffers, undefined).map(([handle]) => handle);
}

/** Handle and view of every spec, in the order of the schema. */
function pairs(schema: Schema, buffers: unknown, views: unknown): [BufferHandle, OwnArrayOf<DType>][] {
  return Object.entries(schema).flatMap(([key, under]) => {
    const handle = (buffers as Record<string, unknown>)[key];
    const view = (views as Record<string, unknown> | undefined)?.[key];
    if (handle instanceof BufferHandle) return [[handle, view as OwnArrayOf<DType>]];
    return pairs(under as Schema, handle, view);
  });
}
