import { readProc } from "#proc";

/** The text of a file of /proc or /sys; "" where this kernel, or this process, has none. */
export function readOrEmpty(path: string): string {
  try {
    return readProc(path);
  } catch {
    return "";
  }
}
