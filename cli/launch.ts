import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { constants, homedir, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { UsageError } from "../criu/usage_error.ts";
import { denoDirWithoutLocks } from "../driver/deno_cache.ts";
import { closeOnExec } from "../ffi/close_on_exec.ts";
import { openLibc } from "../ffi/libc.ts";
import { startHigh } from "../ffi/next_pid.ts";
import { openToAppend } from "../ffi/own_file.ts";
import { printable } from "../ffi/printable.ts";
import { marked } from "../images/identity/start_mark.ts";
import { say } from "./report.ts";
import { noProgram } from "./require_program.ts";

/** A program that was started. */
export interface Launched {
  readonly pid: number;
  /** Its exit code, 128 + N after signal N. */
  readonly ended: Promise<number>;
  /** Lets this process end before the program does. */
  release(): void;
}

/**
 * Starts a program so that CRIU can dump it: in a session of its own, so without a terminal, with nothing open but /dev/null and its
 * output, and with caches of Deno that hold no locks (unless the user has set DENO_DIR). It ignores the signals of `ignored`.
 *
 * A log is opened write-only and for appending. CRIU compares the size of any other file at the restore, and would refuse a
 * log that has grown since the dump (`should_check_size()` in CRIU's files-reg.c).
 *
 * @throws {UsageError} when the program does not start.
 */
export async function launch(
  command: readonly string[],
  [stdout, stderr]: readonly [stdout: number, stderr: number],
  ignored: readonly number[] = [],
): Promise<Launched> {
  const start = marked(command, process.cwd(), ignoring(ignored));
  try {
    if (!start) throw noProgram(command);
    const [program = "", ...args] = start.command;
    // Descriptors that this process was given, or that Deno opened, would go on to the program, and CRIU would meet them there.
    const env = environmentOf();
    if (!process.env.DENO_DIR && env.DENO_DIR && /^deno\b/.test(basename(command[0] as string))) {
      say(`criu-aware run: DENO_DIR is ${printable(env.DENO_DIR)}: your modules, no locks`);
    }
    closeOnExec(await openLibc());
    startHigh();
    const child = spawn(program, args, {
      detached: true,
      stdio: ["ignore", stdout, stderr],
      env: { ...env, ...start.env },
    });
    const ended = new Promise<number>((resolve) => {
      child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]));
    });
    await new Promise((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    return { pid: child.pid as number, ended, release: () => child.unref() };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`Cannot start ${printable(command[0])}: ${(error as Error).message}`);
  } finally {
    for (const fd of new Set([stdout, stderr])) closeSync(fd);
  }
}

/** Bun gives a child the default of every signal; the shell that starts it ignores them again. */
function ignoring(signals: readonly number[]): string {
  return signals.length === 0 ? "" : `trap '' ${signals.join(" ")}; `;
}

/** The environment that a program gets: that of this process, and unless the user has said otherwise, a cache of Deno's without locks. */
export function environmentOf(): Record<string, string> {
  const own = Object.fromEntries(Object.entries(process.env).flatMap(([name, value = ""]) => [[name, value]]));
  const cache = own.DENO_DIR ? undefined : lockFreeCache();
  if (cache === undefined) return own;
  return { ...own, DENO_DIR: cache };
}

/** Undefined when none can be made. */
function lockFreeCache(): string | undefined {
  const home = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  for (const place of [join(home, "criu-aware", "deno"), join(tmpdir(), `criu-aware-deno-${process.geteuid?.()}`)]) {
    try {
      return denoDirWithoutLocks(resolve(place));
    } catch {
      // A home that cannot be written to, or is somebody else's.
    }
  }
  return undefined;
}

/** Opens a log for appending, and makes it if it is not there: a restored program wants to find it, too. */
export function openLog(path: string): number {
  try {
    return openToAppend(path);
  } catch (error) {
    const why = printable((error as Error).message);
    throw new UsageError(`Cannot open the log: ${why}. Name one in a directory of yours: --log FILE`);
  }
}

/** Where the output goes unless the user says: NAME.log in the current directory, by the script or else the program. */
export function defaultLog(command: readonly string[]): string {
  const script = command.slice(1).find((word) => /\.[cm]?[jt]sx?$/.test(word));
  return `${basename(script ?? (command[0] as string)).replace(/\.[cm]?[jt]sx?$/, "")}.log`;
}
