import type { Check } from "../check.ts";
import { output } from "../check.ts";
import { dumpAndRestore } from "../dumped.ts";
import { copySamples, entryPoints, tool } from "../project.ts";

export const check: Check = {
  name: "Bun: bun add, every entry point, simulate, dump and restore by bunx criu-aware",
  async run(packed) {
    const { directory, folder, root, tarball } = packed;
    const bun = tool(root, "bun");
    await output([bun, "init", "-y"], { cwd: directory });
    await output([bun, "add", tarball], { cwd: directory });
    copySamples(packed, "app.ts", "imports.js", "simulated.js");
    await output([bun, "imports.js", ...entryPoints(folder)], { cwd: directory });
    await output([bun, "simulated.js"], { cwd: directory });
    await dumpAndRestore(packed, { run: [bun], command: [bun, "x", "criu-aware"] });
    return undefined;
  },
};
