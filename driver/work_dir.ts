import { copyFileSync, existsSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { PID_FILE } from "../criu/run.ts";
import { UsageError } from "../criu/usage_error.ts";
import { makeExclusiveDirectory } from "../ffi/own_directory.ts";
import { replaceFile } from "../ffi/own_file.ts";
import { printable } from "../ffi/printable.ts";
import { UntrustedPathError } from "../ffi/trusted_path.ts";
import { type PrivateDirectory, privateDirectory } from "./private_directory.ts";

/** What CRIU, and we, write there; `criu.log` is what it prints before it has a log. */
const written: Readonly<Record<"dump" | "restore", readonly string[]>> = {
  dump: ["dump.log", "criu.log", "stats-dump", "irmap-cache"],
  restore: ["restore.log", "stats-restore", PID_FILE],
};

/** A cache for the Deno that writes the manifest when the process that dumped itself has ended. */
export const DENO_CACHE = "deno";

/**
 * The directory in which CRIU works: its logs, numbers and pid files, so that they are never written into the images. After
 * disposal one that was made for the purpose is gone, unless it is kept.
 */
export interface WorkDir extends Disposable {
  /** Without symbolic links. */
  readonly path: string;
  /** Whether it was made for this run, and is to go with it. */
  readonly isFresh: boolean;
  /** Removes what an earlier run has left: what it said is not what the next one says. */
  clear(): void;
  /** Lets it stay after disposal, for somebody to look at what failed. */
  keep(): void;
}

/**
 * Opens `given`, which is made for its owner only where it is not there, or makes a new directory among the temporary files.
 * @throws {UsageError} when that cannot be, or when somebody else may write there.
 */
export function openWorkDir(work: "dump" | "restore", given?: string): WorkDir {
  const fresh = given === undefined ? makeFresh() : undefined;
  const path = fresh?.path ?? openGiven(given as string);
  const clear = (): void => {
    for (const name of written[work]) rmSync(join(path, name), { force: true });
  };
  clear();
  return {
    path,
    isFresh: fresh !== undefined,
    clear,
    keep: () => fresh?.keep(),
    [Symbol.dispose]() {
      fresh?.[Symbol.dispose]();
      if (fresh) removeEmpty(path);
    },
  };
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Gone, or there is something to look at.
  }
}

/** Puts what CRIU has said of a dump beside its images. A copy that cannot be made costs nobody the dump. */
export function moveIntoImages(workDir: string, imagesDir: string): void {
  if (workDir === imagesDir) return;
  for (const name of written.dump) {
    const from = join(workDir, name);
    if (!existsSync(from)) continue;
    try {
      replaceFile(join(imagesDir, name), (temporary) => copyFileSync(from, temporary));
      rmSync(from);
    } catch {
      // The disk is full: the images and their manifest are what counts.
    }
  }
}

function makeFresh(): PrivateDirectory {
  try {
    return privateDirectory();
  } catch (error) {
    throw unusable(tmpdir(), error, "Make room there");
  }
}

function openGiven(given: string): string {
  const whole = resolve(given);
  try {
    return makeExclusiveDirectory(whole, 0o700).path;
  } catch (error) {
    throw unusable(whole, error, "Name a directory that only you and root can change");
  }
}

function unusable(directory: string, error: unknown, cure: string): UsageError {
  const why = printable((error as Error).message);
  const other = error instanceof UntrustedPathError ? "" : ", or name another directory for it";
  return new UsageError(
    `Cannot keep CRIU's log in ${printable(directory)}: ${why}. ${cure}${other}: workDir (--work-dir).`,
  );
}
