/** The Vulkan device in software that the set-up unpacks (vulkan.sh), and what a program needs in order to use it. */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findUnpacked } from "../criu/places.ts";
import { commandLine } from "../package/invocation.ts";

/** The file that tells the Vulkan loader of SwiftShader. Its library lies beside it and has to stay there. */
const ICD = "vulkan/swiftshader/vk_swiftshader_icd.json";

/** A Vulkan device in software, unpacked. */
export interface SoftwareVulkan {
  /** The folder of `libvulkan.so.1`, the loader. */
  readonly libraries: string;
  /** What names SwiftShader to the loader: an ICD, as Vulkan calls it. */
  readonly icd: string;
}

/** The one that the set-up has unpacked; undefined when it did not. `places` are directories to look in. */
export function findVulkan(places?: readonly string[]): SoftwareVulkan | undefined {
  const icd = findUnpacked(ICD, places).path;
  if (icd === undefined) return undefined;
  const libraries = join(dirname(icd), "../lib");
  const files = [join(libraries, "libvulkan.so.1"), join(dirname(icd), "libvk_swiftshader.so")];
  return files.every((file) => existsSync(file)) ? { libraries, icd } : undefined;
}

/**
 * The variables that lead Deno and Bun to a Vulkan device, SwiftShader unless another ICD is named, to be added to the
 * environment that a program is started with: the dynamic loader reads LD_LIBRARY_PATH only then.
 * @throws {Error} when the set-up has not unpacked it.
 */
export function vulkanEnvironment(
  icd?: string,
  vulkan: SoftwareVulkan | undefined = findVulkan(),
): Record<string, string> {
  if (!vulkan) {
    const line = commandLine(["setup", "--gpu"]);
    throw new Error(`Cannot use the software Vulkan device: it is not unpacked. Run: ${line}`);
  }
  const { LD_LIBRARY_PATH, XDG_RUNTIME_DIR = tmpdir() } = process.env;
  return {
    LD_LIBRARY_PATH: [vulkan.libraries, LD_LIBRARY_PATH].filter(Boolean).join(":"),
    VK_ICD_FILENAMES: icd ?? vulkan.icd,
    // Deno would silently fall back to OpenGL.
    DENO_WEBGPU_BACKEND: "vulkan",
    XDG_RUNTIME_DIR,
  };
}
