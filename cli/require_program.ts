import { UsageError } from "../criu/usage_error.ts";
import { isProgram } from "../ffi/on_path.ts";
import { printable } from "../ffi/printable.ts";
import { startedAs } from "../images/identity/command.ts";
import { isFile } from "../images/identity/source_file.ts";
import { asWord, runtimeHere } from "../package/invocation.ts";

/** @throws {UsageError} when there is no such program: before anything is made for it. */
export function requireProgram(command: readonly string[]): void {
  if (!startedAs(command, process.cwd())) throw noProgram(command);
}

/** What to say when a command cannot be started, and what was perhaps meant. */
export function noProgram(command: readonly string[]): UsageError {
  return new UsageError(`Cannot start ${printable(command[0])}: ${whyNone(command)}`);
}

function whyNone(command: readonly string[]): string {
  const [name = ""] = command;
  if (!isFile(name)) return "there is no such program";
  const meant = (...words: string[]): string => ` Did you mean: ${printable(words.map(asWord).join(" "))}`;
  if (isProgram(name)) return `it is not on the PATH.${meant(`./${name}`, ...command.slice(1))}`;
  if (!/\.[cm]?[jt]sx?$/.test(name)) return `it is not executable: chmod +x ${printable(asWord(name))}`;
  const runtime = runtimeHere === "deno" ? ["deno", "run", "-A"] : ["bun"];
  return `it is no program.${meant(...runtime, ...command)}`;
}
