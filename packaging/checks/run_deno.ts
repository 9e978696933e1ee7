import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, output } from "../check.ts";
import { dumpAndRestore } from "../dumped.ts";
import { copySamples, entryPoints, install, tool } from "../project.ts";
import { checkSetup } from "../set_up.ts";

export const check: Check = {
  name: "Deno, from node_modules: every entry point, setup --check, simulate, dump and restore",
  async run(packed) {
    const { directory, folder, root } = packed;
    const run = [tool(root, "deno"), "run", "-A"];
    await install(packed);
    writeFileSync(join(directory, "deno.json"), JSON.stringify({ nodeModulesDir: "manual" }));
    copySamples(packed, "app.ts", "imports.js", "simulated.js");
    await output([...run, "imports.js", ...entryPoints(folder)], { cwd: directory });
    await output([...run, "simulated.js"], { cwd: directory });
    // Where there is no Bun, npx finds Deno.
    const bin = join(directory, "bin");
    mkdirSync(bin);
    symlinkSync(realpathSync(tool(root, "deno")), join(bin, "deno"));
    const alone = { cwd: directory, env: { PATH: `${bin}:/usr/bin:/bin` } };
    await output([join(directory, "node_modules/.bin/criu-aware"), "--version"], alone);
    const user = { directory, run, command: [...run, "npm:criu-aware"] };
    await checkSetup(user, "deno run -A npm:criu-aware");
    await dumpAndRestore(user);
    return undefined;
  },
};
