/** The Vulkan device in software that the set-up unpacks (gpu.sh), and what a program needs in order to use it. */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const vulkan = join(import.meta.dirname as string, "..", ".tools/vulkan");

/** The folder of `libvulkan.so.1`, the loader. */
export const vulkanLibraries: string = join(vulkan, "lib");
/** The file that tells the loader of SwiftShader. Its library lies beside it and has to stay there. */
export const swiftShader: string = join(vulkan, "swiftshader/vk_swiftshader_icd.json");

/** Whether the set-up has unpacked it. */
export function hasSoftwareVulkan(): boolean {
  const files = [
    join(vulkanLibraries, "libvulkan.so.1"),
    join(vulkan, "swiftshader/libvk_swiftshader.so"),
    swiftShader,
  ];
  return files.every((file) => existsSync(file));
}

/**
 * The variables that lead Deno and Bun to a Vulkan device, SwiftShader unless another ICD is named, to be added to the
 * environment that a program is started with: the dynamic loader reads LD_LIBRARY_PATH only then.
 * @throws {Error} when the set-up has not unpacked it.
 */
export function vulkanEnvironment(icd: string = swiftShader): Record<string, string> {
  if (!hasSoftwareVulkan()) {
    throw new Error(
      "Cannot use the software Vulkan device: it is not unpacked. Run `npm run setup`, and read what it says.",
    );
  }
  const { LD_LIBRARY_PATH, XDG_RUNTIME_DIR = tmpdir() } = process.env;
  return {
    LD_LIBRARY_PATH: [vulkanLibraries, LD_LIBRARY_PATH].filter(Boolean).join(":"),
    VK_ICD_FILENAMES: icd,
    // Deno would silently fall back to OpenGL.
    DENO_WEBGPU_BACKEND: "vulkan",
    XDG_RUNTIME_DIR,
  };
}
