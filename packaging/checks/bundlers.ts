import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Check, output } from "../check.ts";
import { install, tool } from "../project.ts";

const app = `
  import { attach } from "criu-aware";
  import { signal } from "criu-aware/strategies/signal";
  const agent = await attach({ strategies: [signal()] });
  console.log(agent.state);
`;
/** What an app pays: minified and gzipped, in bytes. The tree's own bundle has a budget of its own (tests/unit/bundle.test.ts); this one carries what the compiler adds. */
const BUDGET = 12_750;

export const check: Check = {
  name: "bundlers: Bun's and esbuild's, for Bun, Deno, Node.js and browsers; mod.ts and one strategy stay small",
  async run(packed) {
    const { directory, root } = packed;
    await install(packed, ["esbuild"]);
    writeFileSync(join(directory, "app.js"), app);
    const run = (command: readonly string[]) => output(command, { cwd: directory });
    const bun = [tool(root, "bun"), "build", "app.js", "--minify"];
    const esbuild = [tool(directory, "esbuild"), "app.js", "--bundle", "--minify", "--format=esm"];
    await run([...bun, "--target=bun", "--outfile=bun.js"]);
    await run([...bun, "--target=node", "--conditions=deno", "--outfile=deno.js"]);
    await run([...bun, "--target=node", "--outfile=node.js"]);
    await run([...bun, "--target=browser", "--outfile=browser.js"]);
    await run([...esbuild, "--platform=node", "--outfile=esbuild_node.js"]);
    await run([...esbuild, "--platform=node", "--conditions=deno", "--outfile=esbuild_deno.js"]);
    await run([...esbuild, "--platform=browser", "--outfile=esbuild_browser.js"]);

    const says = async (command: readonly string[], expected: string): Promise<void> => {
      const said = await run(command).catch((error: Error) => error.message);
      if (!said.includes(expected)) throw new Error(`${command.join(" ")} did not say "${expected}", but: ${said}`);
    };
    const linux = process.platform === "linux";
    const attached = linux ? "running\n" : "UnsupportedPlatformError";
    await says([tool(root, "bun"), "bun.js"], attached);
    for (const file of ["deno.js", "esbuild_deno.js"]) await says([tool(root, "deno"), "run", "-A", file], attached);
    for (const file of ["node.js", "esbuild_node.js"]) await says(["node", file], "UnsupportedPlatformError");
    for (const file of ["browser.js", "esbuild_browser.js"]) {
      const path = join(directory, file);
      // As in a page, where there is no process.
      writeFileSync(path, `globalThis.process = undefined;\n${readFileSync(path, "utf8")}`);
      await says([tool(root, "bun"), file], "UnsupportedPlatformError");
    }
    const bytes = gzipSync(readFileSync(join(directory, "bun.js")), { level: 9 }).length;
    if (bytes > BUDGET) throw new Error(`mod.ts and signal() have ${bytes} bytes, more than ${BUDGET}`);
    return `${bytes} bytes of ${BUDGET}`;
  },
};
