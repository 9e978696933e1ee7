import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Aliases, openAliases } from "./aliases.ts";
import { packageFiles } from "./packages.ts";
import { isFile, realOf, textOf } from "./source_file.ts";

/** More than most programs have; what comes after them is not seen. */
const MOST = 2000;
const MOST_LETTERS = 64 * 2 ** 20;

const script = /\.[cm]?[jt]sx?$/;
/** What comes before the name of a module: `from`, `import`, `require(`, `new URL(` of a worker. Those in comments do no harm. */
const named =
  /(?:\bfrom\s*|\bimport(?:\s*\(\s*|\s*)|\brequire(?:\.resolve)?\s*\(\s*|\bnew\s+URL\s*\(\s*)(?:"([^"\n]+)"|'([^'\n]+)'|`([^`\n$]+)`)/g;
const endings = ["", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"];

/**
 * The files that scripts import, by what stands in them, the scripts first: their modules, and theirs, and the `package.json` of each
 * package. Nothing is run: a name that is computed is not seen.
 */
export function modulesOf(scripts: readonly string[]): string[] {
  const found = new Set<string>(scripts);
  const aliases = openAliases();
  let letters = 0;
  // A set that grows while it is walked.
  for (const path of found) {
    if (!script.test(path) || letters > MOST_LETTERS) continue;
    const text = textOf(path);
    letters += text.length;
    for (const file of importsOf(path, text, aliases)) if (found.size < MOST) found.add(file);
  }
  return [...found];
}

function importsOf(path: string, text: string, aliases: Aliases): string[] {
  const names = [...text.matchAll(named)].map(([, a, b, c]) => (a ?? b ?? c) as string);
  // Both runtimes go on from where a link leads.
  const directory = dirname(realOf(path));
  return [...new Set(names)].flatMap((name) => resolveName(name, directory, aliases));
}

function resolveName(name: string, directory: string, aliases: Aliases): string[] {
  if (/^(node|bun):/.test(name)) return [];
  if (name.startsWith("file:")) return resolveFile(pathOf(name));
  if (/^\.{1,2}(\/|$)/.test(name) || isAbsolute(name))
    return resolveFile(join(isAbsolute(name) ? "/" : directory, name));
  const meant = aliases(name, directory).flatMap(resolveFile);
  if (meant.length > 0) return meant;
  // Of jsr:, npm:, https: and the like the lock file knows.
  return name.includes(":") ? [] : packageFiles(name, directory);
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return "";
  }
}

/** The file that a name without its ending stands for. */
function resolveFile(path: string): string[] {
  const bare = path.replace(/[?#].*$/, "");
  const places = [bare, bare.replace(/\.([cm]?)js(x?)$/, ".$1ts$2"), join(bare, "index")];
  const file = places.flatMap((place) => endings.map((ending) => place + ending)).find(isFile);
  return file === undefined ? [] : [file];
}
