import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { printable } from "../ffi/printable.ts";
import { runtimeHere } from "../package/invocation.ts";
import { shippedText } from "../package/shipped.ts";
import { type SoftwareVulkan, vulkanEnvironment } from "./vulkan.ts";

/** What a trial found; `works` is undefined when it could not be made. `why` says what is missing, or what was done. */
export interface VulkanTrial {
  readonly works: boolean | undefined;
  readonly why: string;
}

const proof = new URL("./vulkan_proof.js", import.meta.url);
const MOST_MS = 60_000;

/** Adds two numbers in the WebGPU of this runtime on a Vulkan device, in a process of its own. */
export async function tryVulkan(vulkan: SoftwareVulkan): Promise<VulkanTrial> {
  const program = await shippedText(proof);
  const args =
    runtimeHere === "deno"
      ? ["eval", program]
      : ["--no-install", "-e", `await (await import("bun-webgpu")).setupGlobals();\n${program}`];
  try {
    const options = { env: { ...process.env, ...vulkanEnvironment(vulkan.icd, vulkan) }, timeout: MOST_MS };
    const { stdout } = await promisify(execFile)(process.execPath, args, options);
    return { works: true, why: printable(stdout.trim()) };
  } catch (error) {
    const { stderr = "", message } = error as { stderr?: string; message: string };
    if (/(package|module) ['"]bun-webgpu['"]/.test(stderr)) {
      return { works: undefined, why: "in Bun, WebGPU needs the package bun-webgpu: bun add bun-webgpu" };
    }
    const reason = stderr.split("\n").find((line) => /error/i.test(line)) ?? message;
    return { works: false, why: printable(reason.trim(), 200) };
  }
}
