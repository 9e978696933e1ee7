/** Makes sure that there is a Vulkan device in software, and proves a new one by adding two numbers in Deno's WebGPU. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { hasSoftwareVulkan, vulkanEnvironment } from "./vulkan.ts";

const say = (text: string): void => console.error(`setup: ${text}`);
const here = import.meta.dirname as string;

// On a machine with a GPU as well: the tests use the same device everywhere.
if (process.platform === "linux" && !hasSoftwareVulkan()) {
  say("unpacking a software Vulkan device from Debian packages …");
  try {
    execFileSync("sh", [join(here, "gpu.sh")], { stdio: "inherit" });
    const deno = join(here, "../node_modules/.bin/deno");
    const program = join(here, "vulkan_proof.js");
    execFileSync(deno, ["run", "--allow-all", "--no-check", program], {
      env: { ...process.env, ...vulkanEnvironment() },
      stdio: ["ignore", "ignore", "inherit"],
    });
    say("WebGPU works in software (trial computation in Deno).");
  } catch (error) {
    // No reason to stop: everything else works, and a test of WebGPU fails by itself.
    say(`WebGPU in software does not work here: ${(error as Error).message}`);
  }
}
