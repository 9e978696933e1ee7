import { areAllocated, downloadBuffers, rebuildBuffers, releaseBuffers } from "../gpu/buffers.ts";
import type { BufferKind, Buffers, Device, Schema, State } from "../gpu/mod.ts";
import type { Resource } from "../lifecycle/types.ts";

/** What `gpu()` takes care of. */
export interface GpuOptions<S extends Schema, K extends BufferKind> {
  /** Names the resource in refusals and in `status`. @default "gpu" */
  readonly name?: string;
  readonly device: Device<K>;
  /** Where the buffers are kept meanwhile. */
  readonly state: State<S>;
  /** From `allocateBuffers` with the schema of `state`. */
  readonly buffers: Buffers<S, K>;
  /** The time for each hook in milliseconds. @default the agent's `hookTimeoutMs` */
  readonly timeoutMs?: number;
}

/**
 * Carries the buffers of a device through a checkpoint: they are saved and released before it, made again and filled
 * after it, whatever its outcome. Handles stay valid; the buffers behind them are new.
 *
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { allocateBuffers, defineState, host, openState, tensor } from "criu-aware/gpu";
 * import { gpu } from "criu-aware/resources/gpu";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const schema = defineState({ weights: tensor("f32", [64]) });
 * const device = host();
 * const state = await openState(schema);
 * const buffers = await allocateBuffers(device, schema);
 * const agent = await attach({ strategies: [signal()] });
 * agent.register(gpu({ device, state, buffers }));
 * ```
 */
export function gpu<S extends Schema, K extends BufferKind>(options: GpuOptions<S, K>): Resource {
  const { name = "gpu", device, state, buffers, timeoutMs } = options;
  return {
    name,
    tier: "device",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    async beforeCheckpoint({ signal }): Promise<void> {
      await device.fence();
      signal.throwIfAborted();
      {
        using writer = state.begin();
        await downloadBuffers(device, state.schema, buffers, writer.views, signal);
        writer.commit();
      }
      await releaseBuffers(device, state.schema, buffers, signal);
    },
    async afterRestore(): Promise<void> {
      // Nothing was released when the save failed: the buffers are the truth, and what is saved may be older.
      if (areAllocated(state.schema, buffers)) return;
      // Every checksum is verified before the first byte goes to the device.
      using saved = state.read();
      await rebuildBuffers(device, state.schema, buffers, saved.views);
    },
  };
}
