import { join } from "node:path";
import { startProgram } from "./child.ts";
import { type RuntimeName, runCommand } from "./runtimes.ts";

/** The entry point of the command. */
export const cli: string = join(import.meta.dirname as string, "../../cli.ts");

/** How a run of `criu-aware` ended, and what it printed. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  /** Without the lines that say how far a dump or a restore is: on a busy machine there are some. */
  readonly err: string;
}

const progress = /^(dump|restore): [\w ]+, [\d.]+ m?s(, .*)?\n/gm;

/** Runs `criu-aware` in a runtime, without blocking this thread: the parent of the apps has to reap them. */
export async function runCli(
  runtime: RuntimeName,
  args: readonly (string | number)[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const [program, ...rest] = [...runCommand[runtime], cli, ...args.map(String)] as [string, ...string[]];
  const { code, stdout, stderr } = await startProgram(program, rest, env).ended;
  return { code, out: stdout.trimEnd(), err: stderr.replace(progress, "").trimEnd() };
}
