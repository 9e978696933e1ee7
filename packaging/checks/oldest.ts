import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, output } from "../check.ts";
import { dumpAndRestore } from "../dumped.ts";
import { copySamples, entryPoints, install, tool } from "../project.ts";

export const check: Check = {
  name: "the oldest Bun and Deno that engines names: the same",
  async run(packed) {
    const { directory, folder } = packed;
    const { engines } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const oldest = (name: "bun" | "deno"): string => {
      const [, version = ""] = /^>=(\d+\.\d+\.\d+)$/.exec(engines[name]) ?? [];
      if (version === "") throw new Error(`engines says "${engines[name]}" of ${name}, and not >= and a version`);
      return `${name}@${version}`;
    };
    const versions = [oldest("bun"), oldest("deno")];
    await install(packed, versions);
    writeFileSync(join(directory, "deno.json"), JSON.stringify({ nodeModulesDir: "manual" }));
    copySamples(packed, "app.ts", "imports.js", "simulated.js");
    const bun = tool(directory, "bun");
    const deno = [tool(directory, "deno"), "run", "-A"];
    for (const commands of [
      { run: [bun], command: [bun, "x", "criu-aware"] },
      // spawnSync of Deno 2.7 gives a child no more than three descriptors, and a dump of oneself needs a fourth.
      { run: deno, command: [...deno, "npm:criu-aware"], asksNot: true },
    ]) {
      const { run } = commands;
      await output([...run, "imports.js", ...entryPoints(folder)], { cwd: directory });
      await output([...run, "simulated.js"], { cwd: directory });
      await dumpAndRestore(packed, commands);
    }
    return versions.join(", ");
  },
};
