import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UsageError } from "../criu/usage_error.ts";
import { makeOwnDirectory } from "../ffi/own_directory.ts";
import { requireOnlyWriter, requireOwner, UntrustedPathError, walkTrusted } from "../ffi/trusted_path.ts";

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
const LOCK = "network-lock nftables";
const block = new RegExp(`^${FIRST.replaceAll(".", "\\.")}\n(?:${LOCK}\n)?action-script .*\n`);

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

/**
 * A configuration file with our lines, in place of those that may be there already. With `nftables`, CRIU locks the network by
 * nftables, unless the file says how; its default are the programs of iptables.
 */
export function withHook(text: string, script: string, nftables = false): string {
  const rest = withoutHook(text);
  const lock = nftables && !/^\s*network-lock\b/m.test(rest) ? `${LOCK}\n` : "";
  return `${FIRST}\n${lock}${hookLine(script)}\n${rest}`;
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
  /** Permissions of the file. @default those that it has, or 0644 */
  readonly mode?: number;
}

/** What to change so that a configuration file names the hook. A line that somebody wrote by hand stays as it is. */
export function planInstalled(path: string, script: string, nftables: boolean): Change {
  const before = readTrusted(path);
  const byHand = before !== undefined && withoutHook(before) === before && installedHook(before) !== undefined;
  return { path, before, after: byHand ? before : withHook(before ?? "", script, nftables) };
}

/** What to change so that a configuration file does not. */
export function planAbsent(path: string): Change {
  const before = readTrusted(path);
  if (before === undefined) return { path, before, after: undefined };
  const rest = withoutHook(before);
  // A file that only we ever wrote to: nobody kept a copy of what was there before.
  const ours = rest === "" && rest !== before && !existsSync(backupOf(path));
  return { path, before, after: ours ? undefined : rest };
}

/** What to change so that no copy of ours is left of a file that somebody has put right by hand. */
export function planNoBackup(path: string): Change {
  const before = readTrusted(backupOf(path));
  return { path: backupOf(path), before, after: before === readTrusted(path) ? undefined : before };
}

/** The copy of a file as it was before we first wrote to it. */
export function backupOf(path: string): string {
  return `${path}.before-criu-aware`;
}

/** Writes a change: whole or not at all, with the file's own mode, and keeps what was there before us. */
export function applyChange({ path, before, after, mode = modeOf(path) }: Change): void {
  if (after === before) return;
  try {
    if (after === undefined) return rmSync(path);
    makeOwnDirectory(dirname(path), 0o755);
    const backup = backupOf(path);
    const firstTime = before !== undefined && withoutHook(before) === before && withoutHook(after) !== after;
    if (firstTime) replace(backup, before, mode);
    replace(path, after, mode);
    if (withoutHook(after) === after) rmSync(backup, { force: true });
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`Cannot write ${path}: ${message}. Run the same command with sudo, or name another --dir.`);
  }
}

/** The same path without symbolic links. @throws {UsageError} when somebody else could put another file there. */
export function trustedPath(path: string): string {
  try {
    const { path: real, stat } = walkTrusted(path);
    if (stat) {
      requireOwner(real, stat);
      requireOnlyWriter(real, stat);
    }
    return real;
  } catch (error) {
    if (!(error instanceof UntrustedPathError)) throw new UsageError(`Cannot use ${path}: ${(error as Error).message}`);
    throw new UsageError(
      `${error.message}: who can change it decides what root runs at a dump. Run: chown root and chmod go-w, or name another --dir.`,
    );
  }
}

/** The text of a file that nobody else can change; undefined when there is none. @throws {UsageError} */
export function readTrusted(path: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(trustedPath(path));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    if (error instanceof UsageError) throw error;
    throw new UsageError(`Cannot read ${path}: ${(error as Error).message}`);
  }
  try {
    return utf8.decode(bytes);
  } catch {
    // Written back it would not be the same.
    throw new UsageError(`Cannot change ${path}: it is no UTF-8 text. Change it by hand: criu-aware hook print.`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function replace(path: string, text: string, mode: number): void {
  const temporary = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}`);
  try {
    writeFileSync(temporary, text, { flag: "wx", mode: 0o600 });
    chmodSync(temporary, mode);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function modeOf(path: string): number {
  const mode = walkTrusted(path).stat?.mode;
  return mode === undefined ? 0o644 : mode & 0o777;
}
