import { dirname, join } from "node:path";
import { parseSettings, textsIn } from "./settings.ts";
import { isFile, realOf, textOf } from "./source_file.ts";

/**
 * What stands for a package: its `package.json`, with the version; of one that is only linked into node_modules, as in a workspace,
 * the modules that it exports as well.
 */
export function packageFiles(specifier: string, from: string): string[] {
  const name = /^(@[^/]+\/[^/]+|[^@/][^/]*)/.exec(specifier)?.[0];
  if (name === undefined) return [];
  for (let directory = from; ; directory = dirname(directory)) {
    const manifest = join(directory, "node_modules", name, "package.json");
    if (isFile(manifest)) return [manifest, ...linkedModules(manifest, `.${specifier.slice(name.length)}`)];
    if (directory === dirname(directory)) return [];
  }
}

/** `entry` is what was asked for of it, as `exports` names it: `.`, `./part`. */
function linkedModules(manifest: string, entry: string): string[] {
  const directory = dirname(realOf(manifest));
  if (directory.includes("/node_modules/")) return [];
  const { exports, main, module } = parseSettings(textOf(manifest));
  return textsIn([Object(exports)[entry] ?? exports, main, module])
    .map((path) => join(directory, path))
    .filter(isFile);
}
