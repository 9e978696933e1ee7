import { readFileSync } from "node:fs";

/** CRIU says this whenever it may not raise its own limit; it goes on all the same. */
export function isHarmless(line: string): boolean {
  return line.includes("RLIMIT_NOFILE");
}

/** The first real errors of a log of CRIU's, without time and source line. Empty when there is no such file. */
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
  return errors.filter((error) => !isHarmless(error));
}
