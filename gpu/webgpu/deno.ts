import { DeviceError } from "../device/device_error.ts";
import { type Backend, checkAdapter, nameOf, type OpenedGpu } from "./backend.ts";
import type { Needs } from "./needs.ts";

/** Deno's own WebGPU. */
export const deno: Backend = {
  keepsDriver: "Deno keeps the driver of a thread until that thread ends",
  async open({ limits = {}, features = [], powerPreference, ...rest }: Needs): Promise<OpenedGpu> {
    // Without it Deno takes OpenGL when it finds no Vulkan, silently.
    if (Deno.build.os === "linux" && !Deno.env.get("DENO_WEBGPU_BACKEND")) {
      Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan");
    }
    const adapter = await navigator.gpu?.requestAdapter(powerPreference ? { powerPreference } : {});
    if (!adapter) {
      throw new DeviceError(
        "unavailable",
        "Cannot open a WebGPU device: Deno finds no adapter. On Linux it needs libvulkan.so.1 (Debian: libvulkan1) and a Vulkan driver; VK_ICD_FILENAMES names one that is elsewhere.",
      );
    }
    const name = nameOf(adapter);
    checkAdapter(adapter, name, { limits, features, ...rest });
    const device = await adapter.requestDevice({
      requiredLimits: limits,
      requiredFeatures: features as GPUFeatureName[],
    });
    return {
      device,
      adapter: name,
      async close(): Promise<void> {
        device.destroy();
        await device.lost;
      },
    };
  },
};
