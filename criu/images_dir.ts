import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "./errors.ts";

/**
 * Makes a directory for images, for its owner only: images hold every secret of the app.
 * @throws {UsageError} when it exists and is not empty, or cannot be made.
 */
export function makeImagesDir(path: string): void {
  let content: string[];
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    content = readdirSync(path);
  } catch (error) {
    throw new UsageError(`Cannot use ${path} for images: ${(error as Error).message}`);
  }
  if (content.length > 0) throw new UsageError(`Cannot dump into ${path}: it is not empty. Name a new directory.`);
}

/** Removes the images of a dump that did not come to be; its log stays. Returns whether they are gone. */
export function discardImages(path: string, log: string): boolean {
  try {
    for (const name of readdirSync(path)) if (name !== log) rmSync(join(path, name), { recursive: true });
    return true;
  } catch {
    return false;
  }
}
