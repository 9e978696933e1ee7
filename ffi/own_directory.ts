import { lstatSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { requireOnlyWriter, requireOwner, UntrustedPathError, walkTrusted } from "./trusted_path.ts";

/** A directory of ours that was asked for. */
export interface OwnDirectory {
  /** Without symbolic links: to be used from here on. */
  readonly path: string;
  /** The first of those that had to be made; undefined when it was there. */
  readonly first: string | undefined;
}

/** To make it, to look at what was made, and some more in case that somebody else makes it at the same moment. */
const ATTEMPTS = 5;

/**
 * Makes a directory, and those above it that are missing, with this mode; one that is there must be ours. What was made is looked at like
 * what was there before: somebody else may have made it, or one above it, at the same moment.
 *
 * @throws {UntrustedPathError} when somebody else decides what is there.
 * @throws what mkdir(2) says.
 */
export function makeOwnDirectory(path: string, mode: number): OwnDirectory {
  let first: string | undefined;
  for (let attempt = 1; ; attempt++) {
    const walked = walkTrusted(path);
    if (walked.stat) {
      requireOwner(walked.path, walked.stat);
      if (!walked.stat.isDirectory()) throw new UntrustedPathError(walked.path, "is no directory");
      return { path: walked.path, first };
    }
    if (attempt === ATTEMPTS) throw new UntrustedPathError(walked.path, "is made and removed by somebody else");
    const missing: string[] = [];
    for (let at = walked.path; !lstatSync(at, { throwIfNoEntry: false }); at = dirname(at)) missing.unshift(at);
    try {
      for (const directory of missing) {
        mkdirSync(directory, { mode });
        first ??= directory;
      }
    } catch (error) {
      if (!["EEXIST", "ENOENT"].includes((error as { code?: string }).code ?? "")) throw error;
    }
  }
}

/**
 * The same for a directory in which nobody else may write, sticky or not: somebody could have put a file or a link there before.
 *
 * @throws {UntrustedPathError} as `makeOwnDirectory` does, and when others may write in it.
 */
export function makeExclusiveDirectory(path: string, mode: number): OwnDirectory {
  const made = makeOwnDirectory(path, mode);
  requireOnlyWriter(made.path, lstatSync(made.path));
  return made;
}
