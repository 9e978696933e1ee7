import { readFileSync } from "node:fs";
import { printable } from "../ffi/printable.ts";

/** What a person reads of an error. */
const MOST_LINES = 20;

/** CRIU says this whenever it may not raise its own limit; it goes on all the same. */
export function isHarmless(line: string): boolean {
  return line.includes("RLIMIT_NOFILE");
}

/** The first real errors of a log of CRIU's, without time and source line, safe to print. Empty when there is no such file. */
export function firstErrors(path: string, limit = 5): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return errorsIn(text).slice(0, limit);
}

/** The same of a text: all of them. */
export function errorsIn(text: string): string[] {
  const errors = text.split("\n").flatMap((line) => /Error \([^)]*\):\s*(.*)$/.exec(line)?.[1] ?? []);
  return errors.filter((error) => !isHarmless(error)).map((error) => printable(error));
}

/** What CRIU printed outside of its log, a line each: safe to print, without what is harmless. */
export function printedLines(text: string): string[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !isHarmless(line));
  return lines.slice(0, MOST_LINES).map((line) => printable(line));
}
