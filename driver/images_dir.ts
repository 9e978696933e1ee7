import { lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, type Stats, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../criu/usage_error.ts";
import { type DirectoryLock, lockDirectory } from "../ffi/directory_lock.ts";
import type { Libc } from "../ffi/libc.ts";
import { printable } from "../ffi/printable.ts";
import { SystemCallError } from "../ffi/system_call_error.ts";
import { requireOwner, UntrustedPathError, walkTrusted } from "../ffi/trusted_path.ts";

/** What a dump that failed leaves behind, and nothing else: the next one takes the directory as empty. */
const logs = ["dump.log", "criu.log"];
/** What CRIU and we write into a directory of images. */
const written = /\.img$|^(stats-dump|irmap-cache|parent)$|^criu-aware\.(json|claim)/;
const CLAIM = "criu-aware.claim";

/** A directory for the images of one dump, which no other dump can get meanwhile. Disposal gives it up, not what is in it. */
export interface ImagesDir extends Disposable {
  readonly path: string;
  /** Turns the lock into a file of its own, for a process that dumps itself: CRIU would find a lock in the tree. */
  leaveMark(): void;
  /** Removes the images of a dump that did not come to be, but not its logs. Returns whether no image is left. */
  discard(): boolean;
  /** Removes all that this dump has made: the directory is as it was before. */
  withdraw(): void;
}

/**
 * Claims a directory for images, before anybody looks at what is in it. It is made for its owner only (mode 0700), because images
 * hold every secret of the app; one that is there must be so, too, unless `trustImages` is given.
 *
 * @throws {UsageError} when another dump has it, when it is not empty, when others may read or replace what is in it, and when it
 * cannot be made.
 */
export function claimImagesDir(libc: Libc, directory: string, trustImages = false): ImagesDir {
  const path = resolve(directory);
  const shown = printable(path);
  let first: string | undefined;
  let lock: DirectoryLock | undefined;
  try {
    if (!trustImages) requireNobodyElse(path, walkTrusted(path).stat);
    first = mkdirSync(path, { recursive: true, mode: 0o700 });
    lock = lockDirectory(libc, path);
  } catch (error) {
    // A file system without such locks (NFS): a directory that this process has just made is its own as well.
    if (error instanceof SystemCallError && first !== undefined) return claimed(path, undefined, first);
    if (error instanceof UsageError) throw error;
    const cure =
      error instanceof UntrustedPathError ? `. Name a directory that only you and root can change${isContainer}.` : "";
    throw new UsageError(`Cannot use ${shown} for images: ${printable((error as Error).message)}${cure}`);
  }
  if (lock === undefined)
    throw new UsageError(`Cannot dump into ${shown}: another dump is writing there. Name a new directory.`);
  using opened = new DisposableStack();
  opened.use(lock);
  const before = readdirSync(path);
  if (before.some((name) => !logs.includes(name))) {
    throw new UsageError(`Cannot dump into ${shown}: it is not empty. Name a new directory.`);
  }
  // Through no link that somebody has put there: CRIU would write where it leads.
  for (const name of before) rmSync(join(path, name), { recursive: true });
  opened.move();
  return claimed(path, lock, first);
}

function claimed(path: string, lock: DirectoryLock | undefined, first: string | undefined): ImagesDir {
  return {
    path,
    leaveMark() {
      writeFileSync(join(path, CLAIM), "", { flag: "wx", mode: 0o600 });
      lock?.[Symbol.dispose]();
    },
    discard: () => remove(path, (name) => written.test(name)),
    withdraw() {
      remove(path, (name) => written.test(name) || logs.includes(name));
      if (first !== undefined) removeEmpty(path, first);
    },
    [Symbol.dispose]: () => lock?.[Symbol.dispose](),
  };
}

/** Ends what `leaveMark()` began, once the images are whole. */
export function removeMark(directory: string): void {
  rmSync(join(directory, CLAIM), { force: true });
}

const isContainer = ", or say that you trust it: trustImages (--trust-images)";

/** @throws {UsageError} when somebody else may look into an existing directory; the walk has seen to its parents. */
function requireNobodyElse(path: string, stat: Stats | undefined): void {
  if (!stat) return;
  requireOwner(path, stat);
  if ((stat.mode & 0o077) === 0) return;
  const mode = (stat.mode & 0o7777).toString(8);
  throw new UsageError(
    `Cannot dump into ${printable(path)}: other users may look into it (mode ${mode}), and images hold every secret of the app. ` +
      `Run: chmod 700 ${printable(path)}, or name a new directory${isContainer}.`,
  );
}

function remove(path: string, isOurs: (name: string) => boolean): boolean {
  try {
    for (const name of readdirSync(path)) if (isOurs(name)) rmSync(join(path, name), { recursive: true });
    return true;
  } catch {
    return false;
  }
}

/** Removes a directory and those above it, up to the `first` that was made, as long as they are empty. */
function removeEmpty(path: string, first: string): void {
  try {
    for (let at = path; lstatSync(at).isDirectory(); at = dirname(at)) {
      rmdirSync(at);
      if (at === first) return;
    }
  } catch {
    // Somebody else uses it by now.
  }
}
