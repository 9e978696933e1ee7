import { writeSync } from "node:fs";
import type { Command } from "commander";
import { printable, printableJson, printableText } from "../ffi/printable.ts";
import { exitCodeOf } from "./exit_codes.ts";
import { wrap } from "./wrap.ts";

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
export function fail(path: string, thrown: unknown, json: boolean, exitCode?: number): number {
  const error = firstError(thrown);
  const code = exitCode ?? exitCodeOf(error);
  const message = messageOf(error);
  if (json) printJson({ error: { ...error, name: error.name, message, exitCode: code } });
  say(`${path}: ${shortened(message)}`);
  return code;
}

/** What went wrong first: what went wrong later, when things were given back, hides it (`using`). Anything can be thrown. */
function firstError(thrown: unknown): Error {
  if (thrown instanceof SuppressedError) return firstError(thrown.suppressed);
  return thrown instanceof Error ? thrown : new Error(typeof thrown === "object" ? "unknown error" : String(thrown));
}

// An app may refuse with thousands of reasons, and CRIU have a lot to say.
const MOST_LINES = 100;
const LONGEST_LINE = 4096;

function shortened(message: string): string {
  const lines = message.split("\n");
  const shown = lines
    .slice(0, MOST_LINES)
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line));
  const more = lines.length - shown.length;
  return [...shown, ...(more > 0 ? [`  and ${more} more; --json shows all`] : [])].join("\n");
}

/** A remark for people, on stderr: stdout is for results. On a terminal in 80 columns; elsewhere a line stays one, for grep. */
export function say(text: string): void {
  if (!process.stderr.isTTY) return write(2, printableText(text));
  // A progress bar, or the echo of Ctrl-C, may stand in this line.
  write(2, `\r\x1b[K${printableText(text.split("\n").map(inColumns).join("\n"))}`);
}

function inColumns(line: string): string {
  const [indent = ""] = /^ */.exec(line) ?? [];
  return wrap(line.slice(indent.length), `${indent}  `, indent);
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
  // JSON has no bigint.
  write(1, printableJson(JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part))));
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

/** What an error says, for people. Errors of the system name files in a single line; those of ours have lines of their own. */
export function messageOf(thrown: unknown): string {
  const { message, errors, code } = firstError(thrown) as Partial<AggregateError & NodeJS.ErrnoException>;
  if (/^E[A-Z0-9]+$/.test(code ?? "")) return printable(message);
  // An AggregateError need not say anything itself.
  return message || (errors ?? []).map(messageOf).join("; ") || "unknown error";
}
