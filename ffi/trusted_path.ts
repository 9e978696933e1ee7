import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { printable } from "./printable.ts";

const STICKY = 0o1000;
/** As the kernel follows: path_resolution(7). */
const MOST_LINKS = 40;

/** Somebody who is neither root nor this user could put something else at a path. The message says where and how. */
export class UntrustedPathError extends Error {
  override readonly name = "UntrustedPathError";
  /** The file, directory or link that somebody else decides about. */
  readonly file: string;
  /** What is wrong with it, as the end of a sentence that begins with its name. */
  readonly reason: string;

  constructor(file: string, reason: string) {
    super(`${printable(file)} ${reason}`);
    this.file = file;
    this.reason = reason;
  }
}

/** A path that was walked. */
export interface TrustedPath {
  /** Without symbolic links. What is not there yet is at its end. */
  readonly path: string;
  /** What is there; undefined when nothing is. */
  readonly stat: Stats | undefined;
}

/**
 * Walks a path from the root and resolves its links: nobody but root, this user, and the user who ran sudo may be able to change what
 * it leads to. Each directory on the way belongs to one of them, and nobody else may write there unless it is sticky. What is found
 * stays true afterwards, because only they could change it; so it is the path that comes out, not the one that went in, which is to be used.
 *
 * @throws {UntrustedPathError} at the first component that somebody else decides about.
 * @throws what lstat(2) says, except that the end of the path may be missing.
 */
export function walkTrusted(path: string): TrustedPath {
  const names = resolve(path).split("/").filter(Boolean).reverse();
  let links = 0;
  let at = "/";
  let stat = lstatSync("/");
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    requireDirectory(at, stat);
    const next = join(at, name);
    const found = lstatSync(next, { throwIfNoEntry: false });
    if (!found) return { path: join(next, ...names.reverse()), stat: undefined };
    if (!found.isSymbolicLink()) {
      if (names.length > 0) requireOwner(next, found);
      at = next;
      stat = found;
      continue;
    }
    requireOwner(next, found);
    // Those of /proc/PID (root, cwd, fd) lead elsewhere than they read: proc(5).
    if (found.dev === lstatSync("/proc", { throwIfNoEntry: false })?.dev) {
      throw new UntrustedPathError(next, "is a link of /proc, which may lead anywhere");
    }
    // In a sticky directory anybody may give a second name to a link of root's.
    if (found.nlink > 1) throw new UntrustedPathError(next, "is a symbolic link with more than one name");
    if (++links > MOST_LINKS) throw new UntrustedPathError(next, "is a symbolic link that leads nowhere");
    const target = resolve(dirname(next), readlinkSync(next));
    names.push(...target.split("/").filter(Boolean).reverse());
    at = "/";
    stat = lstatSync("/");
  }
  return { path: at, stat };
}

/** @throws {UntrustedPathError} when somebody else may change what is in this directory. */
export function requireDirectory(path: string, stat: Stats): void {
  requireOwner(path, stat);
  if (!(stat.mode & STICKY)) requireOnlyWriter(path, stat);
}

/** @throws {UntrustedPathError} when this file, directory or link belongs to somebody else. */
export function requireOwner(path: string, { uid }: Stats): void {
  if (!trustedUsers().includes(uid)) throw new UntrustedPathError(path, `belongs to another user (uid ${uid})`);
}

/**
 * That the group may write counts as well: it may have other members, and where there is an access control list (acl(5)) these bits are the
 * most that anybody in it may do.
 * @throws {UntrustedPathError} when somebody besides the owner may write to this file or directory.
 */
export function requireOnlyWriter(path: string, { mode }: Stats): void {
  if ((mode & 0o022) === 0) return;
  throw new UntrustedPathError(path, `may be written by other users (mode ${(mode & 0o7777).toString(8)})`);
}

/** Root, this user, and who became root by sudo(8). */
function trustedUsers(): number[] {
  const { SUDO_UID } = process.env;
  const sudo = process.geteuid?.() === 0 && SUDO_UID !== undefined && /^\d+$/.test(SUDO_UID) ? [Number(SUDO_UID)] : [];
  return [0, process.geteuid?.() ?? 0, ...sudo];
}
