/** What stands in a marker file, JSON in one line. An empty file is a notice too. */
import { constants, existsSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { cString, textOf } from "../../ffi/bytes.ts";
import { exchange } from "../../ffi/exchange.ts";
import { fileCalls } from "../../ffi/files.ts";
import type { Libc } from "../../ffi/libc.ts";
import { statOf } from "../../ffi/stat.ts";
import { checkNotice } from "../../lifecycle/notice.ts";
import type { Notice, Outcome, Reply } from "../../lifecycle/types.ts";
import { type Word, words } from "../../page/layout.ts";

/** The sides write in turn: a notice, its reply, the driver's word if there is one, the outcome. */
export type Marker =
  | { readonly kind: "notice"; readonly notice: Notice | undefined }
  | { readonly kind: "reply"; readonly id: string; readonly reply: Reply }
  | { readonly kind: "word"; readonly id: string; readonly word: Word }
  | { readonly kind: "outcome"; readonly id: string; readonly outcome: Outcome }
  | { readonly kind: "unknown" };

/** A marker as found, and who wrote it. */
export interface FoundMarker {
  readonly uid: number;
  readonly marker: Marker;
}

const MAX_BYTES = 16_384;
const O_CLOEXEC = 0o2000000;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;
// One for all: a marker is read at every change, and in every hold.
const buffer = new Uint8Array(MAX_BYTES);

/**
 * Reads the marker at `path`, never through a symbolic link; undefined when there is no such regular file. By libc: node:fs
 * takes up to four times as long, between a notice and the first hook.
 */
export function readMarker(libc: Libc, path: string): FoundMarker | undefined {
  const fd = fileCalls(libc).open(cString(path), FLAGS, 0);
  if (fd < 0) return undefined;
  try {
    const { type, uid } = statOf(libc, fd);
    if (type !== "file") return undefined;
    // What cannot be read must not look empty, for that is a notice.
    const bytes = Number(libc.check(libc.read(fd, buffer, MAX_BYTES), `read ${path}`));
    return { uid, marker: parseMarker(textOf(buffer.subarray(0, bytes))) };
  } finally {
    libc.close(fd);
  }
}

/** Puts `content` in the place of the marker in one step: whoever reads sees the old one or the new one, whole. */
export function replaceMarker(path: string, content: object): void {
  renameSync(writeAside(path, content), path);
}

/**
 * The same, and returns the marker that stood there until that moment: it may be a notice that nobody has seen yet. Undefined
 * when there was none, or where the file system cannot exchange two files. An `outcome` does not bring back a marker that
 * somebody has removed.
 */
export function exchangeMarker(libc: Libc, path: string, content: object): FoundMarker | undefined {
  const aside = writeAside(path, content);
  if (!exchange(libc, aside, path)) {
    if ("outcome" in content && !existsSync(path)) unlinkSync(aside);
    else renameSync(aside, path);
    return undefined;
  }
  const displaced = readMarker(libc, aside);
  unlinkSync(aside);
  return displaced;
}

function writeAside(path: string, content: object): string {
  const aside = `${path}.${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
  writeFileSync(aside, `${JSON.stringify(content)}\n`, { flag: "wx", mode: 0o644 });
  return aside;
}

/** Reads the text of a marker; what nobody of us writes is `unknown`. */
export function parseMarker(text: string): Marker {
  if (text.trim() === "") return { kind: "notice", notice: undefined };
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(text));
  } catch {
    return { kind: "unknown" };
  }
  const { id, reply, reasons, word, outcome } = value;
  if (typeof id !== "string") return { kind: "unknown" };
  if (reply === "ready") return { kind: "reply", id, reply: { reply } };
  if (reply === "refused") {
    return {
      kind: "reply",
      id,
      reply: {
        reply,
        reasons: Array.isArray(reasons)
          ? reasons.map((reason) => (typeof reason === "string" ? reason : JSON.stringify(reason)))
          : [],
      },
    };
  }
  if (words.indexOf(word as Word) > 0) return { kind: "word", id, word: word as Word };
  if (typeof outcome === "string") return { kind: "outcome", id, outcome: outcome as Outcome };
  try {
    return { kind: "notice", notice: checkNotice(value) };
  } catch {
    return { kind: "unknown" };
  }
}
