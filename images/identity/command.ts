import { basename, resolve } from "node:path";
import { isProgram } from "../../ffi/on_path.ts";
import { beginningOf, isFile, realOf } from "./source_file.ts";

/**
 * What becomes of a command when it is started: execve(2).
 * @internal
 */
export interface Started {
  /** The file that the process then runs, without links. */
  readonly executable: string;
  /** Its command line. */
  readonly command: readonly string[];
}

/** The kernel follows as many interpreters. */
const MOST_INTERPRETERS = 4;
const LONGEST_LINE = 256;

/** What `/proc` will show of a command once it runs: a script with `#!` is run by its interpreter. Undefined when there is no such program. */
export function startedAs(command: readonly string[], cwd: string): Started | undefined {
  let words = command;
  for (let depth = 0; depth <= MOST_INTERPRETERS; depth++) {
    const [name = "", ...args] = words;
    const found = findProgram(name, cwd);
    if (found === undefined) return undefined;
    const executable = realOf(resolve(cwd, found));
    const line = interpreterOf(executable);
    // env(1) only looks for the program that it is given.
    if (line === undefined) return { executable, command: words };
    const [interpreter = "", argument] = line;
    const isEnv = basename(interpreter) === "env" && argument !== undefined && !argument.startsWith("-");
    words = [...(isEnv ? [argument] : line), found, ...args];
  }
  return undefined;
}

function findProgram(name: string, cwd: string): string | undefined {
  const canRun = (path: string): boolean => isFile(path) && isProgram(path);
  if (name.includes("/")) return canRun(resolve(cwd, name)) ? name : undefined;
  const places = (process.env.PATH ?? "").split(":").map((directory) => resolve(cwd, directory, name));
  return places.find(canRun);
}

/** The interpreter of a script, and its one argument. */
function interpreterOf(path: string): string[] | undefined {
  const line = /^#![ \t]*([^ \t\n]+)[ \t]*([^\n]*)/.exec(beginningOf(path, LONGEST_LINE));
  return line
    ? line
        .slice(1)
        .map((word) => word.trim())
        .filter(Boolean)
    : undefined;
}
