import { readFileSync } from "node:fs";

/** Files of the Vulkan driver and its loader that a process has mapped. */
export function driverFiles(pid: number | "self" = "self"): string[] {
  const lines = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
  const files = lines.map((line) => line.split(/\s+/).slice(5).join(" "));
  return [...new Set(files.filter((file) => /libvulkan|vk_swiftshader|swiftshader_jit/.test(file)))];
}
