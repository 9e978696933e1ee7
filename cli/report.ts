import { writeSync } from "node:fs";
import type { Command } from "commander";
import { printable, printableJson, printableText } from "../ffi/printable.ts";
import { exitCodeOf } from "./exit_codes.ts";

/** What a subcommand found or did: `value` is printed with --json, `text` without. */
export interface Report {
  readonly value: unknown;
  /** Without the last newline; "" prints nothing. */
  readonly text: string;
  /** @default 0 */
  readonly exitCode?: number;
  /** What is left to do once the report is printed. Resolves with the exit code. */
  readonly afterwards?: () => Promise<number>;
}

/**
 * The action of a subcommand, from a function that returns its report. An error becomes lines on stderr and an exit code;
 * with --json also `{"error": …}` on stdout, so that there is one JSON value in any case.
 */
export function reporting<A extends unknown[]>(run: (...args: A) => Promise<Report>): (...args: A) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command;
    const json = command.opts().json === true;
    try {
      const { value, text, exitCode = 0, afterwards } = await run(...args);
      if (json) printJson(value);
      else if (text !== "") print(text);
      process.exitCode = afterwards ? await afterwards() : exitCode;
    } catch (error) {
      process.exitCode = fail(pathOf(command), error, json);
    }
  };
}

/** Prints an error, and returns its exit code. */
export function fail(path: string, error: unknown, json: boolean, exitCode: number = exitCodeOf(error)): number {
  const { name, message, ...details } = { ...(error as Error), name: nameOf(error), message: messageOf(error) };
  if (json) printJson({ error: { name, message, ...details, exitCode } });
  say(`${path}: ${message}`);
  return exitCode;
}

/** A remark for people, on stderr: stdout is for results. */
export function say(text: string): void {
  // A progress bar, or the echo of Ctrl-C, may stand in this line.
  const start = process.stderr.isTTY ? "\r\x1b[K" : "";
  write(2, `${start}${printableText(text)}`);
}

/** What a subcommand has to say of processes that it dealt with all the same, a line each. */
export function warn(
  subcommand: string,
  problems: readonly { readonly pid: number; readonly reasons: readonly string[] }[],
): void {
  for (const { pid, reasons } of problems) say(`criu-aware ${subcommand}: process ${pid}: ${reasons.join("; ")}`);
}

/** The words that start a subcommand: `criu-aware hook install`. */
export function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/** A result, on stdout. */
export function print(text: string): void {
  write(1, printableText(text));
}

/** A result for programs, on stdout: no character of it drives a terminal, and the value is exact. */
export function printJson(value: unknown): void {
  write(1, printableJson(JSON.stringify(value)));
}

// At once, whole, and in order: with a stream, a process.exit() could cut a pipe's text short.
function write(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      const { code } = error as { code?: string };
      // The reader is slow (a pipe that does not block), or has seen enough (`| head`).
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
    }
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "Error";
}

/** What an error says, for people. Errors of the system name files in a single line; those of ours have lines of their own. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return printable(error);
  return /^E[A-Z0-9]+$/.test((error as NodeJS.ErrnoException).code ?? "") ? printable(error.message) : error.message;
}
