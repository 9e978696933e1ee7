import { dirname, join, resolve } from "node:path";
import { modulesOf } from "./modules.ts";
import { beginningOf, isFile, realOf } from "./source_file.ts";
import { upwards } from "./upwards.ts";

/** How a process was started. */
export interface Start {
  readonly command: readonly string[];
  readonly cwd: string;
}

/** A file that a program has loaded, or has been made from. */
export interface Source {
  readonly path: string;
  /** Known again by its size and its time alone. */
  readonly byTime: boolean;
}

const MOST_WORDS = 256;
const MOST_SCRIPTS = 256;
const code = /\.([cm]?[jt]sx?|wasm|node|sh|py|rb|pl)$/;
/** What beside a script decides what it is made of. */
const locks = [
  "bun.lock",
  "bun.lockb",
  "deno.lock",
  "package-lock.json",
  "npm-shrinkwrap.json",
  "yarn.lock",
  "pnpm-lock.yaml",
];
const settings = ["package.json", "deno.json", "deno.jsonc", "tsconfig.json", "jsconfig.json", "bunfig.toml"];
/** Bun reads these by itself. They hold secrets, and no digest of one is to lie about. */
const environments = [".env", ".env.local", ".env.production", ".env.development", ".env.test"];

/**
 * The files that command lines stand for: the scripts that it names, what they import, and what lies beside them and above, up to the
 * first lock file.
 */
export function sourcesOf(starts: readonly Start[]): Source[] {
  const scripts = starts
    .flatMap(({ command, cwd }) =>
      command.slice(0, MOST_WORDS).flatMap((word, i) => scriptIn(word, cwd, i === 0) ?? []),
    )
    .slice(0, MOST_SCRIPTS);
  const cwds = [...new Set(starts.map(({ cwd }) => cwd))];
  const directories = [...cwds, ...scripts.flatMap((path) => [dirname(path), dirname(realOf(path))])];
  const beside = [...new Set(directories)].flatMap(projectFiles);
  return [
    ...[...new Set([...modulesOf(scripts), ...beside])].map((path) => ({ path, byTime: false })),
    ...cwds.flatMap((cwd) => existing(cwd, environments)).map((path) => ({ path, byTime: true })),
  ];
}

/** The program itself, the first word, may be a script as well. Data that is named beside it is to change. */
function scriptIn(word: string, cwd: string, isProgram: boolean): string | undefined {
  if (isProgram && !word.includes("/")) return undefined;
  const name = word.replace(/^--?[\w-]+=/, "");
  const path = resolve(cwd, name.startsWith("file://") ? name.slice("file://".length) : name);
  return isFile(path) && (code.test(path) || beginningOf(path, 2) === "#!") ? path : undefined;
}

function projectFiles(directory: string): string[] {
  const found: string[] = [];
  for (const at of upwards(directory)) {
    const here = existing(at, locks);
    found.push(...here, ...existing(at, settings));
    if (here.length > 0) break;
  }
  return found;
}

function existing(directory: string, names: readonly string[]): string[] {
  return names.map((name) => join(directory, name)).filter(isFile);
}
