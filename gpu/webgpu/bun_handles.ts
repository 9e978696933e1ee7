/** The C functions of webgpu.h by name, as bun-webgpu calls them. A handle is an address. */
// biome-ignore lint/suspicious/noExplicitAny: functions of many shapes, passed through as they are
export type Library = Record<string, (...args: any[]) => any>;

/** The functions that return a new reference, and the kind of object it is to. */
const creates: readonly [pattern: RegExp, kind: string | undefined][] = [
  [/^wgpuDeviceCreate(.*)(?<!Async)$/, undefined],
  [/^wgpuTextureCreateView$/, "TextureView"],
  [/^wgpu(?:Render|Compute)PipelineGetBindGroupLayout$/, "BindGroupLayout"],
  [/^wgpuCommandEncoderBegin((?:Render|Compute)Pass)$/, undefined],
  [/^wgpuCommandEncoderFinish$/, "CommandBuffer"],
  [/^wgpuRenderBundleEncoderFinish$/, "RenderBundle"],
];

interface Handles {
  /** The same library, its references counted. */
  readonly library: Library;
  /** Has the command buffers of this device released once they are submitted, and counts what is made asynchronously. */
  watch(device: GPUDevice): void;
  /** Releases whatever was not released. */
  releaseAll(): void;
  /** To be called last: an object that somebody kept then does nothing, where it would touch memory that is gone. */
  end(): void;
}

const ended: Library = new Proxy({}, { get: () => () => 0 });

/**
 * Counts the references that bun-webgpu takes. It has no finalizers: one object that the app forgot keeps the driver in
 * the process, and with it mappings and descriptors that CRIU cannot dump.
 */
export function countHandles(inner: Library): Handles {
  const counts = new Map<string, Map<number, number>>();
  const calls: Library = { ...inner };
  const library: Library = Object.create(calls);
  const of = (kind: string): Map<number, number> => {
    const known = counts.get(kind) ?? new Map<number, number>();
    counts.set(kind, known);
    return known;
  };
  const add = (kind: string, handle: number): void => void of(kind).set(handle, (of(kind).get(handle) ?? 0) + 1);

  for (const [name, call] of Object.entries(inner)) {
    const [, released] = /^wgpu(.*)Release$/.exec(name) ?? [];
    if (released !== undefined && !["Instance", "Adapter", "Device", "Queue"].includes(released)) {
      calls[name] = (handle: number) => {
        const left = of(released).get(handle);
        // Released before: a second time would free what another object has got meanwhile.
        if (left === undefined) return;
        if (left > 1) of(released).set(handle, left - 1);
        else of(released).delete(handle);
        call(handle);
      };
    }
    for (const [pattern, fixed] of creates) {
      const found = pattern.exec(name);
      if (!found) continue;
      const kind = fixed ?? (found[1]?.endsWith("Pass") ? `${found[1]}Encoder` : (found[1] as string));
      calls[name] = (...args) => {
        const handle = call(...args);
        if (handle) add(kind, handle);
        return handle;
      };
    }
  }
  // These cannot be used any more, and their JavaScript objects have no way to release them.
  for (const [end, kind] of [
    ["wgpuComputePassEncoderEnd", "ComputePassEncoder"],
    ["wgpuRenderPassEncoderEnd", "RenderPassEncoder"],
  ] as const) {
    const call = calls[end] as Library[string];
    calls[end] = (handle: number) => {
      call(handle);
      library[`wgpu${kind}Release`]?.(handle);
    };
  }
  return {
    library,
    watch(device) {
      const { queue } = device;
      const submit = queue.submit.bind(queue);
      queue.submit = (buffers: Iterable<GPUCommandBuffer>) => {
        const all = [...buffers];
        submit(all);
        for (const { ptr } of all as (GPUCommandBuffer & { ptr: number })[]) library.wgpuCommandBufferRelease?.(ptr);
      };
      for (const kind of ["ComputePipeline", "RenderPipeline"] as const) {
        const create = device[`create${kind}Async`].bind(device) as unknown as (
          descriptor: never,
        ) => Promise<{ ptr: number }>;
        Object.assign(device, {
          [`create${kind}Async`]: async (descriptor: never) => {
            const pipeline = await create(descriptor);
            add(kind, pipeline.ptr);
            return pipeline;
          },
        });
      }
    },
    releaseAll() {
      for (const [kind, handles] of counts) {
        for (const [handle, count] of [...handles])
          for (let i = 0; i < count; i++) library[`wgpu${kind}Release`]?.(handle);
      }
    },
    end() {
      // bun-webgpu leaves callbacks of each device open: with them its objects and this library stay for ever.
      Object.setPrototypeOf(library, ended);
      counts.clear();
    },
  };
}
