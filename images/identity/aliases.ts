import { dirname, join } from "node:path";
import { parseSettings, textsIn } from "./settings.ts";
import { textOf } from "./source_file.ts";

/** The paths that a name may stand for in a directory, by the settings of its project. */
export type Aliases = (name: string, directory: string) => string[];

type Settings = Record<string, unknown>;

/** Where names are mapped to files: `paths` of TypeScript, import maps of Deno, `imports` of a package. */
const mappings: Readonly<Record<string, (settings: Settings, directory: string) => [unknown, string]>> = {
  "tsconfig.json": typescript,
  "jsconfig.json": typescript,
  "deno.json": ({ imports }, directory) => [imports, directory],
  "deno.jsonc": ({ imports }, directory) => [imports, directory],
  "package.json": ({ imports }, directory) => [imports, directory],
};

function typescript({ compilerOptions }: Settings, directory: string): [unknown, string] {
  const { paths, baseUrl } = Object(compilerOptions) as Settings;
  return [paths, typeof baseUrl === "string" ? join(directory, baseUrl) : directory];
}

/** The aliases that count in a directory: its own, and those of the directories above it. What `extends` names is not seen. */
export function openAliases(): Aliases {
  const known = new Map<string, readonly [string, string][]>();
  const aliasesIn = (directory: string): readonly [string, string][] => {
    const found = known.get(directory) ?? readAliases(directory);
    known.set(directory, found);
    return found;
  };
  return (name, directory) => {
    for (let at = directory; ; at = dirname(at)) {
      const meant = aliasesIn(at).flatMap(([alias, path]) => apply(alias, path, name));
      if (meant.length > 0 || at === dirname(at)) return meant;
    }
  };
}

function readAliases(directory: string): readonly [string, string][] {
  return Object.entries(mappings).flatMap(([file, read]) => {
    const [map, base] = read(parseSettings(textOf(join(directory, file))), directory);
    return Object.entries(Object(map)).flatMap(([alias, value]) =>
      textsIn(value).map((path): [string, string] => [alias, path.includes(":") ? "" : join(base, path)]),
    );
  });
}

/** `@/*` and `@/` stand for all that begins so. */
function apply(alias: string, path: string, name: string): string[] {
  if (path === "") return [];
  if (alias === name) return [path];
  const start = /^(.+[*]|.+\/)$/.test(alias) ? alias.replace(/\*$/, "") : undefined;
  if (start === undefined || !name.startsWith(start)) return [];
  const rest = name.slice(start.length);
  return [path.includes("*") ? path.replace("*", rest) : join(path, rest)];
}
