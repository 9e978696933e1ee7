import { readFileSync } from "node:fs";

/** The text of a file of /proc or /sys; "" where this kernel, or this process, has none. */
export function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
