import { createHash } from "node:crypto";
import { readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { printable } from "../../ffi/printable.ts";
import { readUpTo } from "../../ffi/read_up_to.ts";
import { openRegularFile } from "../regular_file.ts";

/** A file that a program has loaded. */
export interface SourceFile {
  /** As the program opened it. */
  readonly path: string;
  /** Where that leads, when links are on the way. */
  readonly real?: string;
  /** Its size. */
  readonly bytes: number;
  /** Of a small file. */
  readonly sha256?: string;
  /** Of a large one, and of one that may hold secrets, in milliseconds since 1970. */
  readonly modifiedAt?: number;
  /** It has changed since the program was started: what was loaded is not known. */
  readonly isLate?: boolean;
}

/** Sources are smaller. Of a larger file, such as a runtime or a model, size and time say enough, and cost nothing. */
const SMALL = 4 * 2 ** 20;
/** Between two clocks: the start of a process is known to a hundredth of a second. */
const SLACK_MS = 100;
/** Their sizes mean nothing, and to read them may do something. */
const kernelFiles = /^\/(proc|sys|dev)\//;

/** How a file is described. */
export interface FileOptions {
  /** By its size and its time alone. */
  readonly byTime?: boolean;
  /** Who names the file: what none of these users owns, and not everybody may read, is described by its time. A digest would tell of it. */
  readonly readers?: ReadonlySet<number | undefined>;
}

/** @returns undefined when there is no such file, it is not a regular one, or it may not be read. */
export function describeFile(path: string, { byTime = false, readers }: FileOptions = {}): SourceFile | undefined {
  const stat = statOfFile(path);
  if (!stat) return undefined;
  try {
    const found = realOf(path);
    const real = found === path ? {} : { real: found };
    const bytes = stat.size;
    const isSecret = ({ uid, mode }: Stats): boolean =>
      readers !== undefined && (mode & 0o004) === 0 && !readers.has(0) && !readers.has(uid);
    if (byTime || bytes > SMALL || isSecret(stat)) {
      return { path, ...real, bytes, modifiedAt: Math.max(0, Math.floor(stat.mtimeMs)) };
    }
    const sha256 = createHash("sha256")
      .update(readBytes(path, SMALL, isSecret))
      .digest("hex");
    return { path, ...real, bytes, sha256 };
  } catch {
    return undefined;
  }
}

/** How a file differs from what it was; undefined when it does not. */
export function differenceOf(file: SourceFile): string | undefined {
  const { path, bytes, sha256, modifiedAt } = file;
  if (!statOfFile(path)) return "is gone";
  const now = describeFile(path, { byTime: sha256 === undefined });
  if (!now) return "cannot be read";
  if ((now.real ?? path) !== (file.real ?? path)) return `leads to another file, ${printable(now.real ?? path)},`;
  const isSame = now.bytes === bytes && now.sha256 === sha256 && now.modifiedAt === modifiedAt;
  return isSame ? undefined : "has changed";
}

/** Whether a file was written, or put in its place, after this time. Copying may keep the time of its content, but not this one. */
export function isNewerThan(path: string, time: number): boolean {
  const stat = statOfFile(path);
  return stat !== undefined && changeTimeOf(stat) > time + SLACK_MS;
}

/** Deno tells this time (st_ctime) in whole seconds; where the content was written in the same one, that tells it better. */
function changeTimeOf({ ctimeMs, mtimeMs }: Stats): number {
  if (ctimeMs % 1000 !== 0) return Math.max(ctimeMs, mtimeMs);
  return mtimeMs >= ctimeMs ? mtimeMs : ctimeMs + 999;
}

/** The text of a small file; "" when it is large, or cannot be read. */
export function textOf(path: string): string {
  const stat = statOfFile(path);
  try {
    return stat && stat.size <= SMALL ? readBytes(path, SMALL).toString("utf8") : "";
  } catch {
    return "";
  }
}

/** The first letters of a file; "" when it cannot be read. */
export function beginningOf(path: string, letters: number): string {
  try {
    return isFile(path) ? readBytes(path, letters).toString("latin1") : "";
  } catch {
    return "";
  }
}

/** Whether there is such a regular file. */
export function isFile(path: string): boolean {
  return statOfFile(path) !== undefined;
}

/** Where a path leads; the path itself when that cannot be seen. */
export function realOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

function statOfFile(path: string): Stats | undefined {
  if (kernelFiles.test(path) || path.includes("\0")) return undefined;
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.isFile() ? stat : undefined;
  } catch {
    // It may not be looked at, or a link leads to itself.
    return undefined;
  }
}

/** @throws when it is no regular file by now, leads to one of the kernel, or is none to be read. */
function readBytes(path: string, most: number, refuses: (stat: Stats) => boolean = () => false): Buffer {
  using file = openRegularFile(path);
  if (kernelFiles.test(readlinkSync(`/proc/self/fd/${file.fd}`)) || refuses(file.stat)) {
    throw new Error(`${path} is not to be read`);
  }
  return readUpTo(file.fd, Math.min(file.stat.size, most));
}
