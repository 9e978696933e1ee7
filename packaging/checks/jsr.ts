import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { type Check, output } from "../check.ts";
import { criuHere } from "../dumped.ts";
import { publishLocally } from "../jsr_registry.ts";
import { playRound, roundApp } from "../round.ts";

const name = "jsr:@criu-aware/criu-aware";

/** Dumps itself, so that the program that writes the manifest is loaded from a URL as well. */
const selfApp = `
import { attach } from "${name}";
import { checkpoint } from "${name}/driver";

const agent = await attach({ strategies: [] });
const { outcome } = await checkpoint(agent, { imagesDir: Deno.args[0], criuOptions: { fileLocks: true } });
console.log(outcome);
`;

export const check: Check = {
  name: "what JSR gets works in an empty Deno project: attach, simulate, dump, restore, doctor, hook",
  async run({ root, directory }) {
    const place = (folder: string): string => {
      const path = join(directory, folder);
      mkdirSync(path);
      return path;
    };
    const PATH = [dirname(criuHere()), process.env.PATH].join(delimiter);
    using registry = await publishLocally(root, place("registry"));
    const project = place("project");
    writeFileSync(join(project, "app.ts"), roundApp(name));
    writeFileSync(join(project, "self.ts"), selfApp);
    const env = { PATH, JSR_URL: registry.url, DENO_DIR: join(directory, "cache"), NO_COLOR: "1" };
    const deno = [join(root, "node_modules/.bin/deno"), "run", "--allow-all", "--quiet", "--no-lock"];
    const command = [...deno, `${name}/cli`];
    const run = (...args: string[]): Promise<string> => output([...command, ...args], { cwd: project, env });

    // Deno locks its caches, and other programs change those that they share with a dumped app: it has caches of its own.
    const appEnv = { DENO_DIR: join(directory, "cache of apps") };
    // What an app downloads at its first start leaves connections to the registry open, which CRIU does not dump.
    await output([deno[0] as string, "cache", "--quiet", "--no-lock", "app.ts", "self.ts"], {
      cwd: project,
      env: { ...env, ...appEnv },
    });
    const dumpArguments = ["--", "--file-locks"];
    for (const engine of ["rpc", "command"]) {
      const app = [...deno, "app.ts"];
      const engineArguments = ["--engine", engine, ...dumpArguments];
      await playRound({
        app,
        command,
        directory: place(engine),
        cwd: project,
        env,
        appEnv,
        dumpArguments: engineArguments,
      });
    }
    await playSelf([...deno, "self.ts"], place("self"), run, { cwd: project, env: { ...env, ...appEnv } });

    await run("doctor");
    const etc = join(directory, "etc");
    await run("hook", "install", "--dir", etc);
    if (!existsSync(join(etc, "criu-aware-hook.sh"))) throw new Error("hook install has written no script");
    await run("hook", "uninstall", "--dir", etc);
    return undefined;
  },
};

async function playSelf(
  app: readonly string[],
  directory: string,
  run: (...args: string[]) => Promise<string>,
  where: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<void> {
  const images = join(directory, "images");
  const log = join(directory, "output");
  // It ends with its dump, and by SIGKILL.
  await output(["sh", "-c", 'setsid -w "$@" < /dev/null >> "$0" 2>&1 || true', log, ...app, images], where);
  for (const end = Date.now() + 30_000; !existsSync(join(images, "criu-aware.json")); ) {
    if (Date.now() > end) throw new Error(`checkpoint() wrote no manifest:\n${await output(["cat", log], where)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await run("restore", images);
  await output(["grep", "-qx", "restored", log], where);
}
