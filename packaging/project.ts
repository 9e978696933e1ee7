/** A fresh project of a user that has this package and nothing else. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output, type Packed } from "./check.ts";

/** A program that the development dependencies bring. */
export function tool(root: string, name: string): string {
  return join(root, "node_modules/.bin", name);
}

/** Installs the tarball, and what is named, by npm. */
export async function install({ tarball, directory }: Packed, packages: readonly string[] = []): Promise<void> {
  writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await output(["npm", "install", "--no-audit", "--no-fund", tarball, ...packages], { cwd: directory });
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
