/** A user's shell in a project: where things are, and how our command and a script are typed. */
import { delimiter, dirname, join } from "node:path";
import { locateCriu } from "../criu/locate.ts";
import { output } from "./check.ts";

/** How a user works. */
export interface User {
  /** The project. */
  readonly directory: string;
  /** What runs a script: `bun`, `deno run -A`. */
  readonly run: readonly string[];
  /** What runs our command: `bunx criu-aware`. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `criu-aware …` as the user would, with the CRIU of this machine on the PATH, and resolves with what it printed. */
export function criuAware({ directory, command, env = {} }: User, ...args: readonly string[]): Promise<string> {
  const { path } = criuHere();
  const PATH = [...(path ? [dirname(path)] : []), process.env.PATH].join(delimiter);
  // Where the command may look for a CRIU of its own is nobody's business here.
  const home = { XDG_DATA_HOME: join(directory, "data") };
  return output([...command, ...args], { cwd: directory, env: { PATH, ...home, ...env } });
}

/** The CRIU of this machine, or why it cannot be used. */
export function criuHere(): { readonly path?: string; readonly missing?: string } {
  if (process.geteuid?.() !== 0) return { missing: "CRIU needs root" };
  try {
    return { path: locateCriu() };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}
