import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, output } from "../check.ts";
import { bunAdd, copySamples, tool } from "../project.ts";

export const check: Check = {
  name: "types: a fresh project of bun init",
  async run(packed) {
    const { directory, root } = packed;
    const run = (...command: [string, ...string[]]) => output(command, { cwd: directory });
    const bun = tool(root, "bun");
    await run(bun, "init", "-y");
    await bunAdd(packed);
    copySamples(packed, "every_entry.ts");
    const tsc = tool(directory, "tsc");
    await run(tsc, "--noEmit");
    await run(tsc, "--noEmit", "--skipLibCheck", "false", "--noPropertyAccessFromIndexSignature");
    // The same on a project with no more of it than its kind.
    const config = join(directory, "tsconfig.json");
    const given = readFileSync(config, "utf8");
    writeFileSync(config, given.replace('"allowImportingTsExtensions": true,', ""));
    if (readFileSync(config, "utf8") === given) throw new Error(`bun init writes another tsconfig.json: ${given}`);
    await run(tsc, "--noEmit");
    return undefined;
  },
};
