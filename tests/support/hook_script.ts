import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Ended, startProgram } from "./child.ts";

/** Where the action script is. */
export const hookPath: string = join(import.meta.dirname as string, "../../criu/hook.sh");

/** The text of the action script. */
export const hookScript: string = readFileSync(hookPath, "utf8");

/** Runs commands of ours after the functions of the action script, in its shell. */
export function runWithHookFunctions(commands: string): Promise<Ended> {
  const functions = [...hookScript.matchAll(/^\w+\(\) [{(](?:.* \}$|\n(?:.*\n)*?[})]$)/gm)].map(([text]) => text);
  return startProgram("sh", ["-c", ["set -u", "NOT_ATTACHED=3", ...functions, commands].join("\n")]).ended;
}

/** Runs commands of ours where a step of the action script runs: with the page of a process, for the notice `id`. */
export function runAsStep(pid: number, commands: string, id: string = crypto.randomUUID()): Promise<Ended> {
  return runWithHookFunctions(
    `id='${id}' criu=$PPID CRTOOLS_INIT_PID=${pid}; ours() { ${commands}; }; step=ours pages=$(pages); for_process ${pid}`,
  );
}

/** Runs the action script as CRIU does. */
export function runHook(
  action: string,
  env: Record<string, string>,
  shell: readonly string[] = ["sh"],
): Promise<Ended> {
  const [program, ...args] = shell as [string, ...string[]];
  return startProgram(program, [...args, hookPath], { CRTOOLS_SCRIPT_ACTION: action, ...env }).ended;
}
