import { lstatSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ImageError } from "./errors.ts";
import { checkShape, type Manifest } from "./manifest_shape.ts";
import { openRegularFile } from "./regular_file.ts";

/** The name of the manifest in a directory of images. */
export const MANIFEST = "criu-aware.json";
const LARGEST = 16 * 2 ** 20;

/**
 * Reads the manifest of a dump.
 * @throws {ImageError} when there is none, or it is damaged or of a newer version.
 */
export function readManifest(directory: string): Manifest {
  const path = join(resolve(directory), MANIFEST);
  using file = openRegularFile(path);
  if (file.stat.size > LARGEST) throw new ImageError(path, `is damaged: it has ${file.stat.size} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file.fd, "utf8"));
  } catch (cause) {
    throw new ImageError(path, "is damaged: it is no JSON", { cause });
  }
  return checkShape(path, value);
}

/** Whether a manifest lies in the directory, readable or not. */
export function hasManifest(directory: string): boolean {
  return lstatSync(join(directory, MANIFEST), { throwIfNoEntry: false }) !== undefined;
}
