import { DeviceError } from "../device_error.ts";
import { type Backend, checkAdapter, type Needs, nameOf, type OpenedGpu } from "./backend.ts";
import { countHandles, type Library } from "./bun_handles.ts";

/** As far as it is used here: the package's own types and those of Deno cannot be there at once. */
interface Package {
  createGPUInstance(): GPU & { lib: Library; destroy(): void };
  globals(): void;
}
type BunAdapter = GPUAdapter & { destroy(): void };
type BunDevice = GPUDevice & { readonly ptr: number };

/** `info.backendType` of Dawn's backend that computes nothing. */
const NULL_BACKEND = 1;
/** What bun-webgpu has no default for, and Dawn refuses without. */
const zeroLimits = {
  maxStorageBuffersInVertexStage: 0,
  maxStorageBuffersInFragmentStage: 0,
  maxStorageTexturesInVertexStage: 0,
  maxStorageTexturesInFragmentStage: 0,
};

/** Bun by the package bun-webgpu, which is Dawn. */
export const bun: Backend = {
  async open(needs: Needs): Promise<OpenedGpu> {
    const { createGPUInstance, globals } = await load();
    // GPUBufferUsage and its like.
    globals();
    // bun-webgpu hands pointers to Dawn into memory that it does not keep: nothing should be collected meanwhile.
    Bun.gc(true);
    const gpu = createGPUInstance();
    const handles = countHandles(gpu.lib);
    gpu.lib = handles.library;
    let adapter: BunAdapter | null = null;
    try {
      const { powerPreference, limits = {}, features = [] } = needs;
      adapter = (await gpu.requestAdapter(powerPreference ? { powerPreference } : undefined)) as BunAdapter | null;
      if (!adapter || isNull(adapter)) throw noVulkan();
      const name = nameOf(adapter);
      checkAdapter(adapter, name, needs);
      const device = (await adapter.requestDevice({
        requiredLimits: { ...zeroLimits, ...limits },
        requiredFeatures: features as GPUFeatureName[],
      })) as BunDevice;
      handles.watch(device);
      const opened = adapter;
      return {
        device,
        adapter: name,
        async close(): Promise<void> {
          device.destroy();
          await device.lost;
          // Dawn unloads the driver when nothing at all refers to its instance any more.
          handles.releaseAll();
          handles.library.wgpuDeviceRelease?.(device.ptr);
          opened.destroy();
          gpu.destroy();
        },
      };
    } catch (error) {
      adapter?.destroy();
      gpu.destroy();
      throw error;
    }
  },
};

async function load(): Promise<Package> {
  // In a variable, so that nobody's compiler or bundler asks for a package that is optional.
  const name = "bun-webgpu";
  try {
    return await import(name);
  } catch (cause) {
    const message = `Cannot open a WebGPU device: Bun has none of its own. Install the package ${name}: bun add ${name}`;
    throw new DeviceError("unavailable", message, { cause });
  }
}

function isNull(adapter: GPUAdapter): boolean {
  const info = adapter.info as GPUAdapterInfo & { readonly backendType?: number | string };
  return info.backendType === NULL_BACKEND || info.device === "null-backend";
}

function noVulkan(): DeviceError {
  return new DeviceError(
    "unavailable",
    "Cannot open a WebGPU device: bun-webgpu finds none, and its null backend would compute nothing and say so nowhere. On Linux it needs libvulkan.so.1 (Debian: libvulkan1) and a Vulkan driver; VK_ICD_FILENAMES names one that is elsewhere.",
  );
}
