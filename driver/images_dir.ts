import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../criu/usage_error.ts";

/**
 * Makes a directory for images, for its owner only: images hold every secret of the app. Returns whether it was not there before.
 * @throws {UsageError} when it exists and is not empty, or cannot be made.
 */
export function makeImagesDir(path: string): boolean {
  let content: string[];
  let made: string | undefined;
  try {
    made = mkdirSync(path, { recursive: true, mode: 0o700 });
    content = readdirSync(path);
  } catch (error) {
    throw new UsageError(`Cannot use ${path} for images: ${(error as Error).message}`);
  }
  if (content.length > 0) throw new UsageError(`Cannot dump into ${path}: it is not empty. Name a new directory.`);
  return made !== undefined;
}

/** Removes the images of a dump that did not come to be, but not the `log`. Returns whether they are gone. */
export function discardImages(path: string, log?: string): boolean {
  try {
    for (const name of readdirSync(path)) if (name !== log) rmSync(join(path, name), { recursive: true });
    return true;
  } catch {
    return false;
  }
}
