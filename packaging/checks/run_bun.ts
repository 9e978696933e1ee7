import type { Check } from "../check.ts";
import { output } from "../check.ts";
import { dumpAndRestore } from "../dumped.ts";
import { bunAdd, copySamples, entryPoints, tool } from "../project.ts";
import { checkSetup } from "../set_up.ts";

export const check: Check = {
  name: "Bun: bun add, every entry point, setup --check, simulate, dump and restore by bunx criu-aware",
  async run(packed) {
    const { directory, folder, root } = packed;
    const bun = tool(root, "bun");
    await output([bun, "init", "-y"], { cwd: directory });
    await bunAdd(packed);
    copySamples(packed, "app.ts", "imports.js", "simulated.js");
    await output([bun, "imports.js", ...entryPoints(folder)], { cwd: directory });
    await output([bun, "simulated.js"], { cwd: directory });
    const user = { directory, run: [bun], command: [bun, "x", "criu-aware"] };
    await checkSetup(user, "bunx criu-aware");
    await dumpAndRestore(user);
    return undefined;
  },
};
