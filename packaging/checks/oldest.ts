import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, output } from "../check.ts";
import { dumpAndRestore } from "../dumped.ts";
import { oldRuntime } from "../old_runtime.ts";
import { copySamples, entryPoints, install } from "../project.ts";

/** One before the oldest that works: it has to say so. */
const tooOld = { bun: "1.2.23", deno: "2.7.11" } as const;

export const check: Check = {
  name: "the oldest Bun and Deno that engines names: the same, and an older one is told which it needs",
  async run(packed) {
    const { directory, folder, root } = packed;
    const { engines } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    await install(packed);
    writeFileSync(join(directory, "deno.json"), JSON.stringify({ nodeModulesDir: "manual" }));
    copySamples(packed, "app.ts", "attached.js", "imports.js", "simulated.js");
    const says = async (command: readonly string[], expected: string): Promise<void> => {
      const text = await output([...command, "attached.js"], { cwd: directory });
      if (text !== `${expected}\n`) throw new Error(`${command.join(" ")} says: ${text}`);
    };
    const versions: string[] = [];
    for (const name of ["bun", "deno"] as const) {
      const [, version = ""] = /^>=(\d+\.\d+\.\d+)$/.exec(engines[name]) ?? [];
      if (version === "") throw new Error(`engines says "${engines[name]}" of ${name}, and not >= and a version`);
      versions.push(`${name} ${version}`);
      const flags = name === "deno" ? ["run", "-A"] : [];
      const run = [await oldRuntime(root, name, version), ...flags];
      await output([...run, "imports.js", ...entryPoints(folder)], { cwd: directory });
      await output([...run, "simulated.js"], { cwd: directory });
      await says(run, "running");
      const command = name === "deno" ? [...run, "npm:criu-aware"] : [...run, "x", "criu-aware"];
      await dumpAndRestore({ directory, run, command });

      const refused = `Cannot run in ${name} ${tooOld[name]}: criu-aware needs ${version} or newer.`;
      await says([await oldRuntime(root, name, tooOld[name]), ...flags], `UnsupportedPlatformError ${refused}`);
    }
    return versions.join(", ");
  },
};
