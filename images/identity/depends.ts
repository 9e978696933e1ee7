// Node.js has globSync() from 22 on; this module can be loaded without it.
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { isFile } from "./source_file.ts";

/** More files are no list that somebody meant. */
const MOST = 10_000;
const pattern = /[*?[{]/;

/**
 * Makes files, directories and patterns that a user has named absolute. A directory stands for all that is in it.
 * @throws {RangeError} that names one which is not there, or is neither a file nor a directory. A pattern may match nothing.
 */
export function absoluteDepends(names: readonly string[]): string[] {
  return names.map((name) => {
    const path = resolve(name);
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return join(path, "**/*");
    if (stat?.isFile() || pattern.test(name)) return path;
    throw new RangeError(stat ? `${path} is neither a file nor a directory` : `There is no file ${path}`);
  });
}

/** The files that these stand for now, sorted. */
export function expandDepends(depends: readonly string[]): string[] {
  const found = depends.flatMap((path) => (isFile(path) || !pattern.test(path) ? [path] : fs.globSync(path)));
  return [...new Set(found)].filter(isFile).sort().slice(0, MOST);
}
