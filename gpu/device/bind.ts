import type { DType } from "../state/dtype.ts";
import type { Schema } from "../state/schema.ts";
import type { Buffers, Handle } from "./buffers.ts";
import type { BufferKind, BufferOf, Device } from "./device.ts";

/**
 * Tells the device which buffer holds which tensor, so that it can make what it makes from them by name. To be called
 * once all are allocated; `gpu()` does it again after each recovery.
 */
export async function bindBuffers<S extends Schema, K extends BufferKind>(
  device: Device<K>,
  schema: S,
  buffers: Buffers<S, K>,
): Promise<void> {
  await device.bind?.(new Map(named(schema, buffers)) as ReadonlyMap<string, BufferOf<K, DType>>);
}

function named(schema: Schema, buffers: object, prefix = ""): [string, unknown][] {
  return Object.entries(schema).flatMap(([key, under]) => {
    const handle = (buffers as Record<string, object>)[key] as object;
    if (typeof under.kind === "string") return [[prefix + key, (handle as Handle<unknown>).current]];
    return named(under as Schema, handle, `${prefix}${key}.`);
  });
}
