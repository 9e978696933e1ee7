import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { makeOwnDirectory } from "../ffi/own_directory.ts";

/** SQLite files of Deno 2, on which it holds locks as long as it runs; where one cannot be opened, Deno does without. */
const databases = ["check", "dep_analysis", "fast_check", "node_analysis", "v8_code"].map((name) => `${name}_cache`);
const versions = [1, 2, 3];
const isDatabase = /_cache_v\d+(-\w+)?$/;
/** What a cache begins with. Deno makes each of them when it needs it, but not through a link to nothing. */
const folders = ["gen", "npm", "remote"];

/**
 * Makes a cache directory for Deno in which nothing is locked, so that CRIU can dump a program that uses it, and returns its path. The
 * modules in it are the user's own, by links; a directory stands where a database would be. Undefined when it cannot be made.
 */
export function lockFreeDenoDir(): string | undefined {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const own = resolve(cache, "deno");
  const places = [resolve(cache, "criu-aware", "deno"), join(tmpdir(), `criu-aware-deno-${process.geteuid?.()}`)];
  for (const place of places) {
    try {
      return make(place, own);
    } catch {
      // A home that cannot be written to, or is somebody else's.
    }
  }
  return undefined;
}

function make(place: string, own: string): string {
  const { path } = makeOwnDirectory(place, 0o700);
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
