/**
 * A resource that saves the state of a GPU before a dump and brings it back afterwards.
 *
 * In Deno it needs `--allow-ffi`, and what the device needs.
 *
 * @module
 */
import { bindBuffers } from "../gpu/device/bind.ts";
import { areAllocated, downloadBuffers, rebuildBuffers, releaseBuffers } from "../gpu/device/buffers.ts";
import type { BufferKind, Buffers, Device, Schema, State } from "../gpu/mod.ts";
import type { Resource } from "../lifecycle/types.ts";

/** What `gpu()` takes care of. */
export interface GpuOptions<S extends Schema, K extends BufferKind> {
  /** Names the resource in refusals and in `status`. @default "gpu" */
  readonly name?: string;
  /** The device that the buffers are on. */
  readonly device: Device<K>;
  /** Where the buffers are kept meanwhile. */
  readonly state: State<S>;
  /** From `allocateBuffers` with the schema of `state`. */
  readonly buffers: Buffers<S, K>;
  /** The time for each hook in milliseconds. @default the agent's `hookTimeoutMs` */
  readonly timeoutMs?: number;
}

/** A resource that can also be asked for its parts. */
export interface GpuResource extends Resource {
  /** Saves the buffers, and goes on: what `recover` brings back. @throws what the device or the state throws. */
  save(): Promise<void>;
  /**
   * Drops the device with all buffers and brings back what was last saved: for a device that was lost, or that was not
   * there after a restore.
   * @throws {StateError} when nothing valid was saved.
   */
  recover(): Promise<void>;
}

/**
 * Carries the buffers of a device through a checkpoint: they are saved and released before it, and with them the device
 * itself where CRIU cannot dump it; all is made again and filled after it, whatever its outcome. Handles stay valid; the
 * buffers behind them are new.
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
export function gpu<S extends Schema, K extends BufferKind>(options: GpuOptions<S, K>): GpuResource {
  const { name = "gpu", device, state, buffers, timeoutMs } = options;
  const never = new AbortController().signal;
  let last: Promise<unknown> = Promise.resolve();
  /** A save of the app and a checkpoint may come together. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
  const save = async (signal: AbortSignal): Promise<void> => {
    await device.quiesce?.();
    signal.throwIfAborted();
    await device.fence();
    signal.throwIfAborted();
    using writer = state.begin();
    await downloadBuffers(device, state.schema, buffers, writer.views, signal);
    writer.commit((buffer) => device.checksumOf?.(buffer));
  };
  const rebuild = async (): Promise<void> => {
    await device.resume?.();
    // Nothing was released when the save failed: the buffers are the truth, and what is saved may be older.
    if (!areAllocated(state.schema, buffers)) {
      // Every checksum is verified before the first byte goes to the device.
      using saved = state.read();
      await rebuildBuffers(device, state.schema, buffers, saved.views);
    }
    await bindBuffers(device, state.schema, buffers);
  };
  return {
    name,
    tier: "device",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    beforeCheckpoint: ({ signal, criuOptions }) =>
      inTurn(async () => {
        await save(signal);
        await releaseBuffers(device, state.schema, buffers, signal);
        await device.suspend?.(criuOptions);
      }),
    afterRestore: () => inTurn(rebuild),
    save: () =>
      inTurn(async () => {
        try {
          await save(never);
        } finally {
          await bindBuffers(device, state.schema, buffers);
        }
      }),
    recover: () =>
      inTurn(async () => {
        // Looked at first: without it there would be nothing to go back to.
        state.read()[Symbol.dispose]();
        await device.quiesce?.();
        await releaseBuffers(device, state.schema, buffers, never);
        await device.suspend?.();
        await rebuild();
      }),
  };
}
