import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { requireDirectory, requireOnlyWriter, requireOwner, UntrustedPathError, walkTrusted } from "./trusted_path.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** Descriptors of this process itself: whoever started it has opened them. */
const inherited = /^\/(dev\/(stdout|stderr|fd\/\d+)|proc\/self\/fd\/\d+)$/;

/**
 * Gives a file its whole new content at once, for its owner only (mode 0600): `write` makes the new file in a directory beside it that
 * nobody else can enter, and then it takes the name. What had the name before, a symbolic link for instance, is replaced and never
 * written to.
 *
 * @throws what `write` and the file system say; the file is then as it was.
 */
export function replaceFile(path: string, write: (temporary: string) => void): void {
  const directory = mkdtempSync(`${path}.`);
  try {
    const temporary = join(directory, "new");
    write(temporary);
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * The path to use for a file that the user has named: its directory without symbolic links.
 * @throws {UntrustedPathError} when somebody else could put another file in its place.
 */
export function ownPlace(path: string): string {
  const whole = resolve(path);
  const { path: directory, stat } = walkTrusted(dirname(whole));
  if (stat) requireDirectory(directory, stat);
  return join(directory, basename(whole));
}

/**
 * The text of a file of ours; undefined when there is none.
 * @throws {UntrustedPathError} when it is somebody else's, or others may write to it.
 */
export function readOwnFile(path: string): string | undefined {
  const walked = walkTrusted(path);
  if (!walked.stat) return undefined;
  const fd = openSync(walked.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    requireOwner(walked.path, stat);
    requireOnlyWriter(walked.path, stat);
    if (!stat.isFile()) throw new UntrustedPathError(walked.path, "is no regular file");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens a file of ours for appending, and makes it (mode 0600) when there is none. Others may read it, or write to it as well.
 * @throws {UntrustedPathError} when it is somebody else's, or somebody else could have put it there.
 */
export function openToAppend(path: string): number {
  const flags = O_WRONLY | O_APPEND;
  if (inherited.test(path)) return openSync(path, flags);
  const walked = walkTrusted(ownPlace(path));
  if (!walked.stat) return openSync(walked.path, flags | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  requireOwner(walked.path, walked.stat);
  // In a sticky directory anybody may give a second name to a file of root's.
  if (walked.stat.isFile() && walked.stat.nlink > 1) {
    throw new UntrustedPathError(walked.path, "has more than one name (hard links)");
  }
  return openSync(walked.path, flags | O_NOFOLLOW);
}
