import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The text of a file of /proc. Throws when there is none, or it may not be read. */
export function readProc(path: string): string {
  return readFileSync(path, "utf8");
}

/** Where a link of /proc points. Throws like {@linkcode readProc}. */
export function readProcLink(path: string): string {
  return readlinkSync(path);
}

/** The names in a directory of /proc. Throws like {@linkcode readProc}. */
export function listProc(path: string): string[] {
  return readdirSync(path);
}
