/** A fresh project of a user that has this package and nothing else. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output, type Packed, Skipped } from "./check.ts";

/** A program that the development dependencies bring. */
export function tool(root: string, name: string): string {
  return join(root, "node_modules/.bin", name);
}

/** Installs the tarball, and what is named, by npm. @throws {Skipped} when npm's registry does not answer. */
export async function install({ tarball, directory }: Packed, packages: readonly string[] = []): Promise<void> {
  writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await npmInstall(directory, [tarball, ...packages]);
}

/** Installs packages into a project. @throws {Skipped} when npm's registry does not answer. */
export async function npmInstall(directory: string, packages: readonly string[]): Promise<void> {
  const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
  await output(["npm", "install", ...flags, ...packages], { cwd: directory }).catch((error: Error) => {
    const [code] = /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED)\b/.exec(error.message) ?? [];
    throw code ? new Skipped(`npm's registry does not answer (${code})`) : error;
  });
}

/** Adds the tarball to a project by Bun. @throws {Skipped} when the registry does not answer. */
export async function bunAdd({ directory, root, tarball }: Packed): Promise<void> {
  await output([tool(root, "bun"), "add", tarball], { cwd: directory }).catch((error: Error) => {
    const [code] = /\b(?:ConnectionRefused|ConnectionClosed|FailedToOpenSocket|Timeout)\b/.exec(error.message) ?? [];
    throw code ? new Skipped(`npm's registry does not answer (${code})`) : error;
  });
}

/** Copies programs of `samples/` into the project. */
export function copySamples({ root, directory }: Packed, ...names: readonly string[]): void {
  for (const name of names) copyFileSync(join(root, "packaging/samples", name), join(directory, name));
}

/** How each entry point is imported: `criu-aware`, `criu-aware/driver`, … */
export function entryPoints(folder: string): string[] {
  const { name, exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const modules = Object.keys(exports).filter((entry) => entry !== "./package.json");
  return modules.map((entry) => join(name, entry));
}
