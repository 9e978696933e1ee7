import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Ended, startProgram } from "./child.ts";

const path: string = join(import.meta.dirname as string, "../../criu/hook.sh");

/** The text of the action script. */
export const hookScript: string = readFileSync(path, "utf8");

/** Runs commands of ours after the functions of the action script, in its shell. */
export function runWithHookFunctions(commands: string): Promise<Ended> {
  const functions = [...hookScript.matchAll(/^\w+\(\) \{(?:.* \}$|\n(?:.*\n)*?\}$)/gm)].map(([text]) => text);
  return startProgram("sh", ["-c", ["set -u", "notified=", ...functions, commands].join("\n")]).ended;
}

/** Runs the action script as CRIU does. */
export function runHook(action: string, env: Record<string, string>): Promise<Ended> {
  return startProgram("sh", [path], { CRTOOLS_SCRIPT_ACTION: action, ...env }).ended;
}
