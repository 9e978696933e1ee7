import { join } from "node:path";
import { type Child, startProgram } from "./child.ts";
import { dumpableEnv } from "./runtimes.ts";

/** The user `nobody`, whom every system has. */
export const NOBODY = 65_534;

/** Why a test that needs a second user cannot run; false when it can. */
export const noNobody: string | false = process.geteuid?.() === 0 ? false : "it takes root to become another user";

/** The arguments of setpriv(1) that make a command run as `nobody`. */
export const asNobody: readonly string[] = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];

/** Starts a script of tests/support/ as the user `nobody`, in the runtime that runs the test. */
export function startScriptAsNobody(name: string, ...args: string[]): Child {
  return startAsNobody([], name, args);
}

/** The same in a user namespace of its own, where it looks like root. */
export function startScriptInNamespace(name: string, ...args: string[]): Child {
  return startAsNobody(["unshare", "--user", "--map-root-user"], name, args);
}

function startAsNobody(within: readonly string[], name: string, args: readonly string[]): Child {
  const run = "Deno" in globalThis ? ["run", "-A", "--no-check", "--no-lock"] : [];
  const path = join(import.meta.dirname as string, name);
  return startProgram("setpriv", [...asNobody, ...within, process.execPath, ...run, path, ...args], {
    ...dumpableEnv,
    HOME: "/nonexistent",
  });
}
