/** What stands in a marker file, JSON in one line. An empty file is a notice too. */
import { dirname } from "node:path";
import { encoder, textOf } from "../../ffi/bytes.ts";
import {
  createEntry,
  type Entry,
  entryAt,
  exchangeEntries,
  openEntry,
  removeEntry,
  renameEntry,
} from "../../ffi/entries.ts";
import type { Libc } from "../../ffi/libc.ts";
import { newId } from "../../ffi/new_id.ts";
import { O_NOFOLLOW } from "../../ffi/open_flags.ts";
import { type FileStat, statOf } from "../../ffi/stat.ts";
import { checkNotice } from "../../lifecycle/notice.ts";
import { checkReply } from "../../lifecycle/reply.ts";
import type { Notice, Outcome, Reply } from "../../lifecycle/types.ts";
import { outcomes, type Word, words } from "../../page/layout.ts";

/** The sides write in turn: a notice, its reply, the driver's word if there is one, the outcome. */
export type Marker =
  | { readonly kind: "notice"; readonly notice: Notice | undefined }
  | { readonly kind: "reply"; readonly id: string; readonly reply: Reply }
  | { readonly kind: "word"; readonly id: string; readonly word: Word }
  | { readonly kind: "outcome"; readonly id: string; readonly outcome: Outcome }
  | { readonly kind: "unknown" }
  /** Not a file that can be read and replaced: it is never opened, read further, or removed. */
  | { readonly kind: "unusable" };

/** A marker as found, and who wrote it. */
export interface FoundMarker {
  readonly uid: number;
  /** Tells it from one that was written before or after it, also where both are empty; stays the same when it is renamed. */
  readonly identity: string;
  readonly marker: Marker;
}

const MAX_BYTES = 16_384;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const LOOK = O_PATH | O_NOFOLLOW | O_CLOEXEC;
const READ = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
// One for all: a marker is read at every change, and in every hold.
const buffer = new Uint8Array(MAX_BYTES);

/**
 * Why notices cannot be exchanged in a directory with the app of user `uid`; undefined when they can. Both sides ask: the app when
 * it starts, the driver before it writes what a page tells it to. Whoever writes in a directory of the app's own can do no more
 * there than the app itself can, and the app can always replace what others leave there.
 */
export function directoryProblem(
  { type, uid: owner, mode }: Pick<FileStat, "type" | "uid" | "mode">,
  uid: number,
): string | undefined {
  if (type !== "directory") return "it is not a directory";
  if (owner !== uid) return `it belongs to user ${owner}, and must belong to the user of the app, ${uid}`;
  // Sticky or not: there their marker would keep ours away.
  return (mode & 0o022) !== 0 ? "others may write there, which `chmod go-w` ends" : undefined;
}

/**
 * Reads a marker, never through a symbolic link; undefined when there is nothing. What it is is looked at before it is opened: to
 * open a device can already do harm. By libc: node:fs takes up to four times as long, between a notice and the first hook.
 * @throws {SystemCallError} when it cannot be read, for that must not look like an empty one, which is a notice.
 */
export function readMarker(libc: Libc, entry: Entry): FoundMarker | undefined {
  const place = openEntry(libc, entry, LOOK);
  if (place < 0) return undefined;
  try {
    const { type, uid, links, inode, modifiedAt } = statOf(libc, place);
    const found = { uid, identity: `${inode}:${modifiedAt}` };
    const isPlain = type === "file" && links <= 1;
    const text = isPlain ? readText(libc, place, entry.name) : undefined;
    return { ...found, marker: text === undefined ? { kind: "unusable" } : parseMarker(text) };
  } finally {
    libc.close(place);
  }
}

/** Undefined without the right to read it, and when it is too long. */
function readText(libc: Libc, place: number, name: string): string | undefined {
  const fd = openEntry(libc, entryAt(`/proc/self/fd/${place}`), READ);
  if (fd < 0) return undefined;
  try {
    const bytes = Number(libc.check(libc.read(fd, buffer, MAX_BYTES), `read ${name}`));
    return bytes < MAX_BYTES ? textOf(buffer.subarray(0, bytes)) : undefined;
  } finally {
    libc.close(fd);
  }
}

/**
 * Puts `content` in the place of the marker in one step, so that whoever reads sees the old one or the new one, whole, and returns
 * the marker that stood there until that moment: it may be a notice that nobody has seen yet. An `outcome` does not bring back a
 * marker that somebody has removed. Whatever fails, no other file stays behind.
 * @throws {SystemCallError} when that fails, for example ENOSPC.
 * @throws {Error} when something else than a marker lies there, or one of a user for whom `isTrusted` is false; it is left as it is.
 */
export function exchangeMarker(
  libc: Libc,
  entry: Entry,
  content: object,
  isTrusted: (uid: number) => boolean,
): FoundMarker | undefined {
  const check = (found: FoundMarker | undefined): void => {
    if (found === undefined || (found.marker.kind !== "unusable" && isTrusted(found.uid))) return;
    throw new Error(
      `Cannot replace ${entry.name}: it is not a marker file of this app or of root. A marker is a regular file with one name and less than 16 kB, which may be read.`,
    );
  };
  const there = readMarker(libc, entry);
  check(there);
  const aside = entryBeside(entry);
  createEntry(libc, aside, encoder.encode(`${JSON.stringify(content)}\n`));
  try {
    if (exchangeEntries(libc, aside, entry)) {
      const displaced = readMarker(libc, aside);
      try {
        check(displaced);
      } catch (error) {
        exchangeEntries(libc, aside, entry);
        throw error;
      }
      return displaced;
    }
    // There was none, or the file system cannot exchange two files.
    if (there || !("outcome" in content)) renameEntry(libc, aside, entry);
    return there;
  } finally {
    removeEntry(libc, aside);
  }
}

/** A new name in the same directory. It does not depend on the marker's name, which may be as long as a name can be. */
export function entryBeside({ directory, name }: Entry): Entry {
  return { directory, name: `${dirname(name)}/.criu-aware-${newId()}` };
}

/** Reads the text of a marker; what nobody of us writes is `unknown`. */
export function parseMarker(text: string): Marker {
  if (text.trim() === "") return { kind: "notice", notice: undefined };
  try {
    const value = Object(JSON.parse(text)) as Record<string, unknown>;
    const { id, reply, word, outcome } = value;
    if (typeof id !== "string") return { kind: "unknown" };
    if (reply !== undefined) return { kind: "reply", id, reply: checkReply(value) };
    if (words.indexOf(word as Word) > 0) return { kind: "word", id, word: word as Word };
    if (outcomes.indexOf(outcome as Outcome) > 0) return { kind: "outcome", id, outcome: outcome as Outcome };
    return { kind: "notice", notice: checkNotice(value) };
  } catch {
    return { kind: "unknown" };
  }
}
