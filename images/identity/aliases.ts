import { join } from "node:path";
import { parseSettings, textsIn } from "./settings.ts";
import type { Texts } from "./texts.ts";
import { upwards } from "./upwards.ts";

/** The paths that a name may stand for in a directory, by the settings of its project. */
export type Aliases = (name: string, directory: string) => string[];

/** More than a project has; each of them is compared with each name. */
const MOST = 2000;
/** Paths that one name may stand for. */
const MOST_MEANT = 16;
/** Of a path: PATH_MAX of linux/limits.h. */
const LONGEST = 4096;

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
export function openAliases(texts: Texts): Aliases {
  const known = new Map<string, readonly Alias[]>();
  let left = MOST;
  const aliasesIn = (directory: string): readonly Alias[] => {
    const found = known.get(directory) ?? readAliases(directory, texts).slice(0, left);
    if (!known.has(directory)) left -= found.length;
    known.set(directory, found);
    return found;
  };
  return (name, directory) => {
    for (const at of upwards(directory)) {
      const meant = aliasesIn(at).flatMap((alias) => apply(alias, name));
      if (meant.length > 0) return meant.slice(0, MOST_MEANT);
    }
    return [];
  };
}

interface Alias {
  readonly name: string;
  /** `@/*` and `@/` stand for all that begins so. */
  readonly start: string | undefined;
  readonly path: string;
}

function readAliases(directory: string, texts: Texts): Alias[] {
  return Object.entries(mappings).flatMap(([file, read]) => {
    const [map, base] = read(parseSettings(texts(join(directory, file))), directory);
    return Object.entries(Object(map))
      .flatMap(([name, value]) => textsIn(value).map((path) => ({ name, path })))
      .filter(({ name, path }) => !path.includes(":") && path.length < LONGEST && name.length < LONGEST)
      .slice(0, MOST)
      .map(({ name, path }) => ({ name, start: startOf(name), path: join(base, path) }));
  });
}

function startOf(name: string): string | undefined {
  return name.length > 1 && /[*/]$/.test(name) ? name.replace(/\*$/, "") : undefined;
}

function apply({ name: alias, start, path }: Alias, name: string): string[] {
  if (alias === name) return [path];
  if (start === undefined || !name.startsWith(start)) return [];
  const rest = name.slice(start.length);
  return [path.includes("*") ? path.replace("*", rest) : join(path, rest)];
}
