/** Makes the tarball for npm: JavaScript, types and source maps of the tree, the files that are no modules, and a package.json that points there. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { output } from "./check.ts";
import { manifest } from "./manifest.ts";

/** What is shipped as it is. The scripts are for users to copy. */
const copied = [
  "README.md",
  "CHANGELOG.md",
  "SECURITY.md",
  "LICENSE",
  "criu/hook.sh",
  "scripts/dump.ts",
  "scripts/report.ts",
  "scripts/restore.ts",
  "scripts/status.ts",
];
/** Here all that is no module of the tree: programs for a shell and for other processes. */
const folderOfPrograms = "setup";

/** @returns where the tarball is, and the folder with what is in it. */
export async function build(root: string, work: string): Promise<{ tarball: string; folder: string }> {
  const folder = join(work, "package");
  await output([join(root, "node_modules/.bin/tsc"), "-p", "packaging/tsconfig.json", "--outDir", folder], {
    cwd: root,
  });
  const programs = readdirSync(join(root, folderOfPrograms)).filter((name) => /\.(sh|js)$/.test(name));
  for (const file of [...copied, ...programs.map((name) => join(folderOfPrograms, name))]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file));
  }
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    if (file.endsWith(".d.ts")) rewrite(join(folder, file), finishTypes);
  const tree = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest(tree), undefined, 2)}\n`);
  const packed = JSON.parse(await output(["npm", "pack", "--json", "--pack-destination", work], { cwd: folder }));
  const [{ filename }] = Object.values(packed) as [{ filename: string }];
  return { tarball: join(work, filename), folder };
}

function rewrite(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

/** The compiler leaves imports of `.ts` in declarations; and says nothing of the library that declares `Disposable`. */
function finishTypes(text: string): string {
  const imports = text.replace(/(?<=^(?!\s*\*).*\b(?:from|import)\s*\(?\s*"\.[^"]*)\.ts(?=")/gm, ".js");
  return /\b(?:Async)?Disposable\b/.test(text) ? `/// <reference lib="esnext.disposable" />\n${imports}` : imports;
}
