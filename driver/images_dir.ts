import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../criu/usage_error.ts";
import { type DirectoryLock, lockDirectory } from "../ffi/directory_lock.ts";
import type { Libc } from "../ffi/libc.ts";
import { makeOwnDirectory, type OwnDirectory } from "../ffi/own_directory.ts";
import { printable } from "../ffi/printable.ts";
import { SystemCallError } from "../ffi/system_call_error.ts";
import { UntrustedPathError } from "../ffi/trusted_path.ts";
import { hasManifest } from "../images/manifest.ts";
import { asWord } from "../package/invocation.ts";

/** A directory with nothing else counts as empty: CRIU, run by hand, leaves it behind when a dump fails. */
const logs = ["dump.log", "criu.log"];
/** What CRIU and we write into a directory of images. */
const written = /\.img$|^(stats-dump|irmap-cache|parent)$|^criu-aware\.(json|claim)/;
const CLAIM = "criu-aware.claim";
/** More than the manifest of most dumps has. */
const MANIFEST_BYTES = 65_536;

/** A directory for the images of one dump, which no other dump can get meanwhile. Disposal gives it up, not what is in it. */
export interface ImagesDir extends Disposable {
  readonly path: string;
  /**
   * Turns the lock into a file of its own, for a process that dumps itself: CRIU would find a lock in the tree. It keeps what `readMark`
   * finds again.
   */
  leaveMark(facts?: object): void;
  /**
   * Makes sure that the images are there, and that their manifest has room: the last look before the tree may end.
   * @throws {Error}
   */
  requireWhole(): void;
  /** Removes all that a dump which did not come to be has made: the directory is as it was before. Returns whether no image is left. */
  discard(): boolean;
}

/**
 * Claims a directory for images, before anybody looks at what is in it. It is made for its owner only (mode 0700), because images
 * hold every secret of the app; one that is there must be so, too, unless `trustImages` is given.
 *
 * @throws {UsageError} when another dump has it, when it is not empty, when others may read or replace what is in it, and when it
 * cannot be made.
 */
export function claimImagesDir(libc: Libc, directory: string, trustImages = false): ImagesDir {
  const shown = printable(resolve(directory));
  using opened = new DisposableStack();
  const made = makeImagesDir(directory, trustImages);
  const lock = lockOf(libc, made);
  if (lock === "taken")
    throw new UsageError(`Cannot dump into ${shown}: another dump is writing there. Name a new directory.`);
  if (lock) opened.use(lock);
  if (readdirSync(made.path).some((name) => !logs.includes(name))) {
    throw new UsageError(
      hasManifest(made.path)
        ? `Cannot dump into ${shown}: it is not empty, it holds a dump. ${replacing(made.path)}`
        : `Cannot dump into ${shown}: it is not empty. Name a new directory.`,
    );
  }
  requireWritable(made.path, shown);
  opened.move();
  return claimed(made.path, lock, made.first);
}

/** How a dump takes the place of an older one. */
function replacing(path: string): string {
  const [old, next] = [path, `${path}.new`].map((word) => printable(asWord(word)));
  return (
    `To replace it, remove it first: rm -r ${old}. Or keep it until the new one is done: dump into ${next}, ` +
    `then: rm -r ${old} && mv ${next} ${old}`
  );
}

function makeImagesDir(directory: string, trustImages: boolean): OwnDirectory {
  const whole = resolve(directory);
  try {
    if (trustImages) return { path: whole, first: mkdirSync(whole, { recursive: true, mode: 0o700 }) };
    const made = makeOwnDirectory(whole, 0o700);
    requireNobodyElse(made.path, lstatSync(made.path));
    return made;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const cure =
      error instanceof UntrustedPathError ? `. Name a directory that only you and root can change${isContainer}.` : "";
    const why = printable((error as Error).message);
    throw new UsageError(`Cannot use ${printable(whole)} for images: ${why}${cure}`);
  }
}

/** Undefined on a file system without such locks (NFS): there a directory that this process has just made is its own. */
function lockOf(libc: Libc, { path, first }: OwnDirectory): DirectoryLock | "taken" | undefined {
  try {
    return lockDirectory(libc, path) ?? "taken";
  } catch (error) {
    if (error instanceof SystemCallError && first !== undefined) return undefined;
    throw new UsageError(`Cannot use ${printable(path)} for images: ${printable((error as Error).message)}`);
  }
}

function claimed(path: string, lock: DirectoryLock | undefined, first: string | undefined): ImagesDir {
  return {
    path,
    leaveMark(facts = {}) {
      writeFileSync(join(path, CLAIM), JSON.stringify(facts), { flag: "wx", mode: 0o600 });
      lock?.[Symbol.dispose]();
    },
    requireWhole() {
      if (!existsSync(join(path, "inventory.img"))) {
        throw new Error(
          `the images are gone from ${printable(path)}: somebody has removed them. Dump again, and leave the directory alone meanwhile`,
        );
      }
      try {
        writeFileSync(join(path, CLAIM), new Uint8Array(MANIFEST_BYTES), { flag: "wx", mode: 0o600 });
        removeMark(path);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        const cure =
          code === "ENOSPC" ? "the disk is full. Make room there" : `${whyNotWritten(code, message)}. Name another one`;
        throw new Error(`the manifest could not be written into ${printable(path)}: ${cure}`);
      }
    },
    discard() {
      const isGone = remove(path, (name) => written.test(name));
      if (first !== undefined) removeEmpty(path, first);
      return isGone;
    },
    [Symbol.dispose]: () => lock?.[Symbol.dispose](),
  };
}

/** What `leaveMark()` was given: too much for the command line of who goes on with it. */
export function readMark(directory: string): object {
  return JSON.parse(readFileSync(join(directory, CLAIM), "utf8"));
}

/** Ends what `leaveMark()` began, once the images are whole. */
export function removeMark(directory: string): void {
  rmSync(join(directory, CLAIM), { force: true });
}

const isContainer = ", or say that you trust it: trustImages (--trust-images)";

/** @throws {UsageError} when somebody else may look into a directory; the walk has seen to its owner and its parents. */
function requireNobodyElse(path: string, stat: Stats): void {
  if ((stat.mode & 0o077) === 0) return;
  const mode = (stat.mode & 0o7777).toString(8);
  throw new UsageError(
    `Cannot dump into ${printable(path)}: other users may look into it (mode ${mode}), and images hold every secret of the app. ` +
      `Run: chmod 700 ${printable(path)}, or name a new directory${isContainer}.`,
  );
}

/** @throws {UsageError} where root may not write, either: on a file system that is read-only. */
function requireWritable(path: string, shown: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `Cannot dump into ${shown}: ${whyNotWritten(code, message)}. Name a directory that can be written.`,
    );
  }
}

function whyNotWritten(code: string | undefined, message: string): string {
  return code === "EROFS" ? "its file system is read-only" : printable(message);
}

/** Returns whether nothing of ours is left. What somebody else has put there stays, whatever it is called. */
function remove(path: string, isOurs: (name: string) => boolean): boolean {
  try {
    return readdirSync(path)
      .filter(isOurs)
      .map((name) => removeOwn(join(path, name)))
      .every(Boolean);
  } catch {
    return false;
  }
}

/** Removes a file, or a link, that this user made. Returns false when one is left. */
function removeOwn(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  const isOwn = stat?.uid === process.geteuid?.() && (stat?.isFile() || stat?.isSymbolicLink());
  try {
    if (isOwn) unlinkSync(path);
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
