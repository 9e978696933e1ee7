/** Makes the tarball for npm: JavaScript, types and source maps of the tree, the files that are no modules, and a package.json that points there. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { output } from "./check.ts";
import { manifest } from "./manifest.ts";
import { prune } from "./prune.ts";

/** What is shipped as it is. The scripts are for users to copy. */
const copied = [
  "README.md",
  "CHANGELOG.md",
  "SECURITY.md",
  "LICENSE",
  "criu/hook.sh",
  "scripts/dump.ts",
  "scripts/restore.ts",
  "scripts/status.ts",
];
/** The documentation: the README leads there. */
const folderOfDocs = "docs";
/** Runs the command in Bun, or in Deno where there is no Bun: a shell takes the second line for a command, JavaScript for a text. */
const startOfProgram = `#!/usr/bin/env sh
":" //; command -v bun >/dev/null && exec bun "$0" "$@"; exec deno run -A "$(readlink -f "$0")" "$@"`;
/** Here all that is no module: programs for a shell and for other processes. */
const folderOfPrograms = "setup";
/** These set up a checkout. */
const ofTheTree = ["setup.sh", "servers.sh", "strace.sh"];

/** @returns where the tarball is, and the folder with what is in it. */
export async function build(root: string, work: string): Promise<{ tarball: string; folder: string }> {
  const folder = join(work, "package");
  await output([join(root, "node_modules/.bin/tsc"), "-p", "packaging/tsconfig.json", "--outDir", folder], {
    cwd: root,
  });
  const programs = readdirSync(join(root, folderOfPrograms)).filter(
    (name) => /\.(sh|js)$/.test(name) && !ofTheTree.includes(name),
  );
  const docs = readdirSync(join(root, folderOfDocs), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folderOfDocs, name));
  for (const file of [...copied, ...docs, ...programs.map((name) => join(folderOfPrograms, name))]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file));
  }
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".d.ts")) rewrite(join(folder, file), finishTypes);
    else if (file.endsWith(".map")) rewrite(join(folder, file), finishMap);
  }
  const tree = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const made = manifest(tree);
  for (const program of Object.values(made.bin)) startByShell(join(folder, program));
  const published = { ...made, browser: emptyInBrowsers(folder) };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, undefined, 2)}\n`);
  prune(
    folder,
    Object.values(published.exports).flatMap((entry) => entry.types ?? []),
  );
  const packed = JSON.parse(await output(["npm", "pack", "--json", "--pack-destination", work], { cwd: folder }));
  const [{ filename }] = Object.values(packed) as [{ filename: string }];
  return { tarball: join(work, filename), folder };
}

/** The modules of Node.js that a bundler for browsers replaces by empty ones: attach() refuses there, and nothing of them is called. */
function emptyInBrowsers(folder: string): Record<string, false> {
  const modules = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
  const texts = modules.map((file) => readFileSync(join(folder, file), "utf8"));
  const names = texts.flatMap((text) => [...text.matchAll(/"(node:[a-z_/]+)"/g)].map(([, name]) => name as string));
  return Object.fromEntries([...new Set(names)].sort().map((name) => [name, false]));
}

/** The map of the program has a line more, too. */
function startByShell(path: string): void {
  rewrite(path, (text) => text.replace(/^#!.*$/m, () => startOfProgram));
  rewrite(`${path}.map`, (text) => {
    const map = JSON.parse(text);
    return JSON.stringify({ ...map, mappings: `;${map.mappings}` });
  });
}

function rewrite(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

/** A map holds its source, which then is beside it by name: where it was compiled is nobody's business. */
function finishMap(text: string): string {
  const map = JSON.parse(text) as { readonly sources: readonly string[] };
  return JSON.stringify({ ...map, sources: map.sources.map((source) => basename(source)) });
}

/** Libraries of types that a project may not have chosen, by a word that needs them. */
const libraries = { "esnext.disposable": /\b(?:Async)?Disposable\b/, "esnext.float16": /\bFloat16Array/ };

/** The compiler leaves imports of `.ts` in declarations; and it does not say which libraries they need. */
function finishTypes(text: string): string {
  const imports = text.replace(/(?<=^(?!\s*\*).*\b(?:from|import)\s*\(?\s*"\.[^"]*)\.ts(?=")/gm, ".js");
  const needed = Object.entries(libraries).filter(([, word]) => word.test(text));
  return needed.map(([name]) => `/// <reference lib="${name}" />\n`).join("") + imports;
}
