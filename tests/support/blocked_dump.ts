import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Blocker } from "criu-aware/blockers";
import { firstErrors } from "../../criu/log.ts";
import { type CriuOptions, toArguments } from "../../criu/options.ts";
import type { App } from "./app.ts";
import { type Child, startProgram } from "./child.ts";
import { runCriuAsync } from "./criu.ts";
import { type RuntimeName, runCommand } from "./runtimes.ts";
import { sleep, waitFor } from "./time.ts";

/** Those that make a dump fail, or its restore. */
export const blocking = (found: readonly Blocker[]): Blocker[] => found.filter((blocker) => blocker.blocking);

/** How a bare `criu` ended. */
export interface BareRun {
  readonly ok: boolean;
  readonly errors: readonly string[];
}

/** Dumps with nothing but CRIU. `name` is a new directory below `directory`. */
export async function bareDump(directory: string, name: string, pid: number, options: CriuOptions): Promise<BareRun> {
  const images = join(directory, name);
  mkdirSync(images);
  const args = ["dump", "-t", String(pid), "-D", images, "-o", "dump.log", ...toArguments(options)];
  const ok = (await runCriuAsync(args)) === 0;
  return { ok, errors: firstErrors(join(images, "dump.log")) };
}

/** Restores with nothing but CRIU, and waits for pids that are not reaped yet. */
export async function bareRestore(directory: string, name: string, options: CriuOptions): Promise<BareRun> {
  const images = join(directory, name);
  const args = ["restore", "-d", "-D", images, "-o", "restore.log", ...toArguments(options)];
  for (let tries = 0; ; tries++) {
    const ok = (await runCriuAsync(args)) === 0;
    const errors = firstErrors(join(images, "restore.log"));
    if (ok || tries === 50 || !errors[0]?.includes("File exists")) return { ok, errors };
    await sleep(200);
  }
}

/**
 * Starts blocked_app.ts by a shell, which gives it a file for its output and keeps its session; `prefix` is put before the command.
 * For what App does not let vary.
 */
export async function startByShell(
  runtime: RuntimeName,
  directory: string,
  options: {
    readonly prefix?: string;
    /** A copy of the runtime that runs in its place. */
    readonly program?: string;
    readonly env?: Record<string, string>;
    readonly holds?: object;
  } = {},
): Promise<Child> {
  const { prefix = "", program = runCommand[runtime][0] as string, env = {}, holds = {} } = options;
  const script = join(import.meta.dirname as string, "blocked_app.ts");
  const output = join(directory, "output");
  const words = [program, ...runCommand[runtime].slice(1), script, JSON.stringify({ directory, ...holds })];
  const child = startProgram("sh", ["-c", `exec ${prefix} "$@" >"$0" 2>&1 </dev/null`, output, ...words], env);
  const isAttached = (): boolean =>
    existsSync(output) && readFileSync(output, "utf8").includes('"attached","fails":""');
  await waitFor("the app", isAttached, 20_000);
  return child;
}

/** A dump and a restore that must work. */
export async function roundTrip(directory: string, app: App, options: CriuOptions): Promise<void> {
  const dumped = await bareDump(directory, "cured", app.pid, options);
  if (!dumped.ok) throw new Error(`The dump failed: ${dumped.errors.join("\n")}`);
  await app.ended();
  const restored = await bareRestore(directory, "cured", options);
  if (!restored.ok) throw new Error(`The restore failed: ${restored.errors.join("\n")}`);
  await app.goesOn();
}
