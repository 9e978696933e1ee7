import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Aliases, openAliases } from "./aliases.ts";
import { packageFiles } from "./packages.ts";
import { isFile, realOf } from "./source_file.ts";
import { openTexts, type Texts } from "./texts.ts";

/** More than most programs have; what comes after them is not seen. */
const MOST = 2000;
/** Names of modules, which need not be there. */
const MOST_NAMES = 10_000;
/** Of a name: PATH_MAX of linux/limits.h. */
const LONGEST = 4096;
/** Hundreds of times as long as it takes for most programs. A hostile one may choose paths that take long. */
const MOST_MS = 5000;

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
  const texts = openTexts();
  const aliases = openAliases(texts);
  const end = performance.now() + MOST_MS;
  let left = MOST_NAMES;
  // A set that grows while it is walked.
  for (const path of found) {
    if (!script.test(path) || left <= 0) continue;
    const names = namesIn(texts(path)).slice(0, left);
    left -= names.length;
    // Both runtimes go on from where a link leads.
    const directory = dirname(realOf(path));
    for (const name of names) {
      if (performance.now() > end) return [...found];
      for (const file of resolveName(name, directory, aliases, texts)) if (found.size < MOST) found.add(file);
    }
  }
  return [...found];
}

function namesIn(text: string): string[] {
  const names = [...text.matchAll(named)].map(([, a, b, c]) => (a ?? b ?? c) as string);
  return [...new Set(names)].filter((name) => name.length < LONGEST);
}

function resolveName(name: string, directory: string, aliases: Aliases, texts: Texts): string[] {
  if (/^(node|bun):/.test(name)) return [];
  if (name.startsWith("file:")) return resolveFile(pathOf(name));
  if (/^\.{1,2}(\/|$)/.test(name) || isAbsolute(name))
    return resolveFile(join(isAbsolute(name) ? "/" : directory, name));
  const meant = aliases(name, directory).flatMap(resolveFile);
  if (meant.length > 0) return meant;
  // Of jsr:, npm:, https: and the like the lock file knows.
  return name.includes(":") ? [] : packageFiles(name, directory, texts);
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
