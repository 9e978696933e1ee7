import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package/version.ts";
import { type Check, output } from "../check.ts";
import { dumpAndRestore } from "../dumped.ts";
import { publishLocally } from "../jsr_registry.ts";
import { copySamples, entryPoints, tool } from "../project.ts";
import { checkSetup, setUp } from "../set_up.ts";
import { criuAware, criuHere } from "../user.ts";

const name = "jsr:@criu-aware/criu-aware";

export const check: Check = {
  name: "what JSR gets works in an empty Deno project: every entry point, setup, doctor, hook, simulate, dump, restore",
  async run(packed) {
    const { root, folder } = packed;
    const [registryDirectory, directory] = ["registry", "project"].map((part) => join(packed.directory, part)) as [
      string,
      string,
    ];
    mkdirSync(registryDirectory);
    mkdirSync(directory);
    using registry = await publishLocally(root, registryDirectory);
    // As `deno add` writes it.
    writeFileSync(join(directory, "deno.json"), JSON.stringify({ imports: { "criu-aware": name } }));
    copySamples({ ...packed, directory }, "app.ts", "imports.js", "simulated.js");
    const run = [tool(root, "deno"), "run", "-A", "--no-lock"];
    // Not DENO_DIR: `run` gives an app a cache that can be dumped, unless the user has chosen one.
    const env = { JSR_URL: registry.url, XDG_CACHE_HOME: join(packed.directory, "cache") };
    const user = { directory, run, command: [...run, `${name}/cli`], env };
    // Before the app: what it would download at its first start leaves connections open, which CRIU does not dump.
    await output([...run, "imports.js", ...entryPoints(folder)], { cwd: directory, env });
    await output([...run, "simulated.js"], { cwd: directory, env });

    await checkSetup(user, `deno run -A ${registry.url}@criu-aware/criu-aware/${version}/cli.ts`);
    for (const engine of ["rpc", "command"] as const) await dumpAndRestore(user, engine);
    await criuAware(user, "doctor");
    const etc = join(directory, "etc");
    await criuAware(user, "hook", "install", "--dir", etc);
    if (!existsSync(join(etc, "criu-aware-hook.sh"))) throw new Error("hook install has written no script");
    await criuAware(user, "hook", "uninstall", "--dir", etc);
    if (criuHere().path) await setUp(user);
    return undefined;
  },
};
