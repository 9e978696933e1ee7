import { fileURLToPath } from "node:url";

/**
 * The URL of a module of this package that is loaded by its URL, as a worker or a program: `ownModule("./recorder", import.meta.url)`.
 * It ends like the module that asks: TypeScript in the tree and on JSR, JavaScript in the npm package.
 */
export function ownModule(name: string, base: string): URL {
  return new URL(name + (/\.\w+$/.exec(new URL(base).pathname)?.[0] ?? ""), base);
}

/**
 * The command that runs a module of this package as a process of its own, in the program that runs us. Deno may do all in it, and loads
 * it from a URL as well.
 */
export function programCommand(runtime: "bun" | "deno", module: URL): string[] {
  const isFile = module.protocol === "file:";
  // What lies where this process was started is the user's, and configures none of ours.
  const flags = ["--allow-all", "--no-check", "--no-lock", ...(isFile ? [] : ["--no-config"])];
  const run = runtime === "deno" ? ["run", ...flags] : ["run"];
  return [process.execPath, ...run, isFile ? fileURLToPath(module.href) : module.href];
}
