import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { makeExclusiveDirectory } from "../ffi/own_directory.ts";

/** SQLite files of Deno 2, on which it holds locks as long as it runs; where one cannot be opened, Deno does without. */
const databases = ["check", "dep_analysis", "fast_check", "node_analysis", "v8_code"].map((name) => `${name}_cache`);
const versions = [1, 2, 3];
const isDatabase = /_cache_v\d+(-\w+)?$/;
/** What a cache begins with. Deno makes each of them when it needs it, but not through a link to nothing. */
const folders = ["gen", "npm", "remote"];

/**
 * Makes `place` a directory for DENO_DIR in which nothing is locked, so that CRIU can dump a program that uses it, and returns its path. The
 * modules in it are those of this process's own cache, by links; a directory stands where a database would be.
 * @throws what the file system says, and when the directory is not ours alone.
 */
export function denoDirWithoutLocks(place: string): string {
  const { DENO_DIR, XDG_CACHE_HOME } = process.env;
  const own = resolve(DENO_DIR || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "deno"));
  const { path } = makeExclusiveDirectory(place, 0o700);
  for (const name of databases.flatMap((name) => versions.map((version) => `${name}_v${version}`))) {
    mkdirSync(join(path, name), { recursive: true });
  }
  for (const name of folders) ignoring(() => mkdirSync(join(own, name), { recursive: true }));
  const there = new Set(readdirSync(path));
  const entries = ignoring(() => readdirSync(own)) ?? [];
  for (const name of entries.filter((name) => !isDatabase.test(name) && !there.has(name))) {
    // Another start may make it at the same moment.
    ignoring(() => symlinkSync(join(own, name), join(path, name)));
  }
  return path;
}

function ignoring<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
