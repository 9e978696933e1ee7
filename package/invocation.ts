import { readFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { directoriesOf, onPath } from "../ffi/on_path.ts";

/** What decides how our command is typed. */
export interface Surroundings {
  /** The URL of the directory of this package, which ends with a slash. */
  readonly base: string;
  readonly runtime: "bun" | "deno";
  /** The program of the runtime. */
  readonly execPath: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
}

const NAME = "criu-aware";
const JSR = "https://jsr.io/";
/** Where sudo(8) looks for programs on most systems ("secure_path"), whatever the PATH of its user is. */
const SUDO_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The runtime of this process, for commands that are told to people; what depends on it otherwise asks `Libc`. */
export const runtimeHere: "bun" | "deno" = "Deno" in globalThis ? "deno" : "bun";

const base = new URL("..", import.meta.url).href;
const surroundingsHere = (): Surroundings => ({
  base,
  runtime: runtimeHere,
  execPath: process.execPath,
  cwd: process.cwd(),
  env: process.env,
  isRoot: process.geteuid?.() === 0,
});

/**
 * The line that runs our command here, as the user would type it, for messages that say what to do next: `criu-aware setup` where it is
 * installed on the PATH, `bunx criu-aware setup` from `node_modules`, `deno run -A jsr:@criu-aware/criu-aware/cli setup` from JSR,
 * `npm run setup` in a checkout.
 */
export function commandLine(args: readonly string[], surroundings: Surroundings = surroundingsHere()): string {
  return words(args, surroundings).map(asWord).join(" ");
}

/** The same for what only root may do. Of the programs of its user, sudo(8) finds those in the system's directories only. */
export function rootCommandLine(args: readonly string[], surroundings: Surroundings = surroundingsHere()): string {
  const line = commandLine(args, surroundings);
  if (surroundings.isRoot) return line;
  const [program = ""] = line.split(" ");
  return isAbsolute(program) || onPath(program, SUDO_PATH) ? `sudo ${line}` : `sudo env "PATH=$PATH" ${line}`;
}

/** The directory of the checkout that this code lies in; undefined for an installed package, a bundle, and what came from a URL. */
export function checkout(from: string = base): string | undefined {
  if (!from.startsWith("file:")) return undefined;
  try {
    // No registry takes the lock file, and a bundle may lie beside that of another package.
    const { name } = JSON.parse(readFileSync(fileURLToPath(new URL("package-lock.json", from).href), "utf8"));
    return name === NAME ? resolve(fileURLToPath(from)) : undefined;
  } catch {
    return undefined;
  }
}

function words(args: readonly string[], { base, runtime, execPath, cwd, env }: Surroundings): string[] {
  // Package managers put these in front of the PATH of what they start; the user's shell has none.
  const directories = directoriesOf(env.PATH).filter((directory) => !directory.endsWith("node_modules/.bin"));
  const root = checkout(base);
  if (root !== undefined) {
    const [subcommand, ...options] = args;
    if (subcommand === "setup") {
      const npm = root === cwd ? ["npm"] : ["npm", "--prefix", root];
      return [...npm, "run", "setup", ...(options.length > 0 ? ["--", ...options] : [])];
    }
    const program = onPath(runtime, directories) ? runtime : execPath;
    const cli = root === cwd ? "cli.ts" : join(root, "cli.ts");
    return [program, ...(runtime === "deno" ? ["run", "-A"] : []), cli, ...args];
  }
  if (onPath(NAME, directories)) return [NAME, ...args];
  if (base.startsWith("http") && !base.startsWith(JSR)) return ["deno", "run", "-A", `${base}cli.ts`, ...args];
  if (runtime === "bun") return [env.npm_lifecycle_event === "npx" ? "npx" : "bunx", NAME, ...args];
  const specifier = base.includes("/node_modules/") ? `npm:${NAME}` : `jsr:@${NAME}/${NAME}/cli`;
  return ["deno", "run", "-A", specifier, ...args];
}

/** A word as a shell reads it. */
export function asWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
