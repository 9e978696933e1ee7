/** What stands in a marker file, JSON in one line. An empty file is a notice too. */
import { closeSync, constants, fstatSync, openSync, readSync, renameSync, writeFileSync } from "node:fs";
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

/** A marker as found: who wrote it, and what tells this file from its successor. */
export interface FoundMarker {
  readonly uid: number;
  readonly version: string;
  readonly marker: Marker;
}

const MAX_BYTES = 16_384;

/** Reads the marker at `path`, never through a symbolic link; undefined when there is no such regular file. */
export function readMarker(path: string): FoundMarker | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) return undefined;
    const buffer = new Uint8Array(MAX_BYTES);
    const bytes = readSync(fd, buffer, 0, MAX_BYTES, 0);
    const text = new TextDecoder().decode(buffer.subarray(0, bytes));
    return { uid: Number(stat.uid), version: `${stat.ino}:${stat.mtimeNs}:${stat.size}`, marker: parseMarker(text) };
  } finally {
    closeSync(fd);
  }
}

/** Puts `content` in the place of the marker in one step: whoever reads sees the old one or the new one, whole. */
export function replaceMarker(path: string, content: object): void {
  const temporary = `${path}.${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
  writeFileSync(temporary, `${JSON.stringify(content)}\n`, { flag: "wx", mode: 0o644 });
  renameSync(temporary, path);
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
  const id = String(value.id);
  const { reply, reasons, word, outcome } = value;
  if (reply === "ready") return { kind: "reply", id, reply: { reply } };
  if (reply === "refused") {
    return { kind: "reply", id, reply: { reply, reasons: Array.isArray(reasons) ? reasons.map(String) : [] } };
  }
  if (words.slice(1).includes(word as Word)) return { kind: "word", id, word: word as Word };
  if (typeof outcome === "string") return { kind: "outcome", id, outcome: outcome as Outcome };
  try {
    return { kind: "notice", notice: checkNotice(value) };
  } catch {
    return { kind: "unknown" };
  }
}
