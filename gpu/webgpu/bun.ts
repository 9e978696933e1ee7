import { DeviceError } from "../device/device_error.ts";
import { type Backend, checkAdapter, nameOf, type OpenedGpu } from "./backend.ts";
import { countHandles, type Library } from "./bun_handles.ts";
import type { Needs } from "./needs.ts";

/** As far as it is used here: the package's own types and those of Deno cannot be there at once. */
interface Package {
  createGPUInstance(): Instance;
  globals(): void;
}
type Instance = GPU & { lib: Library; destroy(): void };
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
    const bunWebGpu = await load();
    // GPUBufferUsage and its like.
    bunWebGpu.globals();
    // bun-webgpu hands pointers to Dawn into memory that it does not keep: nothing should be collected meanwhile.
    Bun.gc(true);
    const gpu = instanceOf(bunWebGpu);
    const handles = countHandles(gpu.lib);
    gpu.lib = handles.library;
    let adapter: BunAdapter | null = null;
    const end = (): void => {
      adapter?.destroy();
      gpu.destroy();
      handles.end();
    };
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
      return {
        device,
        adapter: name,
        async close(): Promise<void> {
          device.destroy();
          await device.lost;
          // Dawn unloads the driver when nothing at all refers to its instance any more.
          handles.releaseAll();
          handles.library.wgpuDeviceRelease?.(device.ptr);
          end();
        },
      };
    } catch (error) {
      end();
      throw error;
    }
  },
};

/** Makes an instance from the second one on. */
let another: (() => Instance) | undefined;

/**
 * `createGPUInstance` opens the package's library anew each time and never closes it, and what bun:ffi compiled for it
 * stays for ever: 0.2 MB a time. So it is called once, and what it does with its library is done here afterwards.
 */
function instanceOf({ createGPUInstance }: Package): Instance {
  if (another) return another();
  const first = createGPUInstance();
  const { lib } = first;
  const Gpu = first.constructor as new (handle: number, lib: Library) => Instance;
  another = () => {
    const handle = lib.wgpuCreateInstance?.(null);
    if (!handle) throw new DeviceError("failed", "Cannot open a WebGPU device: Dawn makes no instance.");
    return new Gpu(handle, lib);
  };
  return first;
}

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
