import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, output } from "../check.ts";

/** One before the oldest that works: it has to say so. */
const tooOld: Readonly<Record<string, string>> = { bun: "1.2.23", deno: "2.7.11" };

const app = `
import { attach } from "criu-aware";
import { file } from "criu-aware/strategies/file";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";

const strategies = [signal(), file({ path: "marker" }), socket({ path: "socket" })];
try {
  const agent = await attach({ strategies });
  console.log(agent.state);
  process.exit();
} catch (error) {
  console.log(error.name, error.message);
  process.exit();
}
`;

export const check: Check = {
  name: "the oldest Bun and Deno of engines attach, and an older one is told which it needs",
  async run({ tarball, folder, directory }) {
    const { engines } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const oldest = (name: string): string => engines[name].replace(">=", "");
    for (const name of ["bun", "deno"]) {
      const works = await said(name, oldest(name), tarball, directory);
      if (works !== "running\n") throw new Error(`${name} ${oldest(name)} says: ${works}`);
      const old = tooOld[name] as string;
      const refused = await said(name, old, tarball, directory);
      const expected = `UnsupportedPlatformError Cannot run in ${name} ${old}: criu-aware needs ${oldest(name)} or newer.\n`;
      if (refused !== expected) throw new Error(`${name} ${old} says: ${refused}`);
    }
    return `Bun ${oldest("bun")}, Deno ${oldest("deno")}`;
  },
};

/** What the app says in this version of a runtime. */
async function said(name: string, version: string, tarball: string, directory: string): Promise<string> {
  const project = join(directory, `${name}-${version}`);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  writeFileSync(join(project, "app.ts"), app);
  await output(["npm", "install", "--no-audit", "--no-fund", tarball, `${name}@${version}`], { cwd: project });
  const run = name === "deno" ? ["run", "--allow-all", "--no-check", "--no-lock"] : ["run"];
  return await output([join(project, "node_modules/.bin", name), ...run, "app.ts"], { cwd: project });
}
