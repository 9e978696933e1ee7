import { existsSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** What Deno has downloaded and compiled. Beside these lie databases, which each run of it changes. */
const folders = ["npm", "remote", "gen"];

/**
 * Makes an empty directory one for `DENO_DIR` that has all that Deno has downloaded for this process, with no database of it: an app that
 * is being dumped has these open, and CRIU restores no file whose size has changed.
 */
export function linkDenoCache(directory: string): void {
  const { DENO_DIR, XDG_CACHE_HOME } = process.env;
  const cache = DENO_DIR || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "deno");
  for (const folder of folders) {
    const path = resolve(cache, folder);
    if (existsSync(path)) symlinkSync(path, join(directory, folder));
  }
}
