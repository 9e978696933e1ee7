import { dirname, join } from "node:path";
import { parseSettings, textsIn } from "./settings.ts";
import { isFile, realOf } from "./source_file.ts";
import type { Texts } from "./texts.ts";
import { upwards } from "./upwards.ts";

/** Modules that a package may export. */
const MOST = 1000;

/**
 * What stands for a package: its `package.json`, with the version; of one that is only linked into node_modules, as in a workspace,
 * the modules that it exports as well.
 */
export function packageFiles(specifier: string, from: string, texts: Texts): string[] {
  const name = /^(@[^/]+\/[^/]+|[^@/][^/]*)/.exec(specifier)?.[0];
  if (name === undefined) return [];
  const manifest = upwards(from)
    .map((directory) => join(directory, "node_modules", name, "package.json"))
    .find(isFile);
  if (manifest === undefined) return [];
  return [manifest, ...linkedModules(manifest, `.${specifier.slice(name.length)}`, texts)];
}

/** `entry` is what was asked for of it, as `exports` names it: `.`, `./part`. */
function linkedModules(manifest: string, entry: string, texts: Texts): string[] {
  const directory = dirname(realOf(manifest));
  if (directory.includes("/node_modules/")) return [];
  const { exports, main, module } = parseSettings(texts(manifest));
  return textsIn([Object(exports)[entry] ?? exports, main, module])
    .slice(0, MOST)
    .map((path) => join(directory, path))
    .filter(isFile);
}
