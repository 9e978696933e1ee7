import { readFileSync } from "node:fs";

/** The first real errors of a log of CRIU's, without time and source line. Empty when there is no such file. */
export function firstErrors(path: string, limit = 5): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return (
    text
      .split("\n")
      .flatMap((line) => /Error \([^)]*\):\s*(.*)$/.exec(line)?.[1] ?? [])
      // CRIU says this whenever it may not raise its own limit; it goes on all the same.
      .filter((error) => !error.includes("RLIMIT_NOFILE"))
      .slice(0, limit)
  );
}
