import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UsageError } from "../criu/usage_error.ts";

/** Whose configuration: `criu` itself (its file is read by everything that runs CRIU), `runc` or `crun`. */
export const hookTargets = ["criu", "runc", "crun"] as const;
export type HookTarget = (typeof hookTargets)[number];

/** Where CRIU and its users read their settings: criu(8), "Configuration files". */
export const CONFIGURATION_DIR = "/etc/criu";

/** The configuration file of a target. */
export function configurationFile(target: HookTarget, directory: string): string {
  return join(directory, target === "criu" ? "default.conf" : `${target}.conf`);
}

// A block at the very start of the file: taking it away leaves every other byte as it was.
const FIRST = "# criu-aware: apps are told before a dump. To undo: criu-aware hook uninstall";
const block = new RegExp(`^${FIRST.replaceAll(".", "\\.")}\naction-script .*\n`);

/**
 * The setting that makes CRIU run our script.
 * @throws {UsageError} for a path that would mean something else in CRIU's configuration, or another line.
 */
export function hookLine(script: string): string {
  if (/["#\\]|\p{Cc}/u.test(script)) {
    throw new UsageError(
      `CRIU's configuration cannot name ${script}: name another directory, without ", #, \\ and control characters.`,
    );
  }
  return `action-script ${/\s/.test(script) ? `"${script}"` : script}`;
}

/** A configuration file with our lines, in place of those that may be there already. */
export function withHook(text: string, script: string): string {
  return `${FIRST}\n${hookLine(script)}\n${withoutHook(text)}`;
}

/** The same without our lines. */
export function withoutHook(text: string): string {
  return text.replace(block, "");
}

/** The script that a configuration file makes CRIU run, when it is one of ours, whoever wrote the line. */
export function installedHook(text: string): string | undefined {
  return /^\s*action-script\s+"?([^"\n]*hook\.sh)"?\s*$/m.exec(text)?.[1];
}

/** A change of one file: what it holds, and what it should hold. `undefined` stands for no file. */
export interface Change {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What to change so that the hook is, or is not, in a configuration file. */
export function planChange(path: string, want: "installed" | "absent", script: string): Change {
  const before = read(path);
  if (want === "installed") {
    const byHand = before !== undefined && withoutHook(before) === before && installedHook(before) === script;
    return { path, before, after: byHand ? before : withHook(before ?? "", script) };
  }
  if (before === undefined) return { path, before, after: undefined };
  const rest = withoutHook(before);
  // A file that only we ever wrote to: nobody kept a copy of what was there before.
  const ours = rest === "" && rest !== before && !existsSync(backupOf(path));
  return { path, before, after: ours ? undefined : rest };
}

/** The copy of a file as it was before we first wrote to it. */
export function backupOf(path: string): string {
  return `${path}.before-criu-aware`;
}

/** Writes a change: whole or not at all, with the file's own mode, and keeps what was there before us. */
export function applyChange({ path, before, after }: Change): void {
  if (after === before) return;
  try {
    if (after === undefined) return rmSync(path);
    mkdirSync(dirname(path), { recursive: true });
    const backup = backupOf(path);
    if (before !== undefined && withoutHook(before) === before) replace(backup, before, modeOf(path));
    replace(path, after, modeOf(path));
    if (withoutHook(after) === after) rmSync(backup, { force: true });
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`Cannot write ${path}: ${message}. Run the same command with sudo, or name another --dir.`);
  }
}

function replace(path: string, text: string, mode: number): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  writeFileSync(temporary, text);
  chmodSync(temporary, mode);
  renameSync(temporary, path);
}

function modeOf(path: string): number {
  return existsSync(path) ? statSync(path).mode & 0o777 : 0o644;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw new UsageError(`Cannot read ${path}: ${(error as Error).message}`);
  }
}
