import { basename, dirname } from "node:path";
import { openBeneath } from "../../ffi/beneath.ts";
import { type Entry, removeEntry } from "../../ffi/entries.ts";
import { printable } from "../../ffi/printable.ts";
import { statOf } from "../../ffi/stat.ts";
import type { Notice, Reply } from "../../lifecycle/types.ts";
import type { DriverPage } from "../../page/driver_page.ts";
import { directoryProblem, exchangeMarker, readMarker } from "./marker.ts";

/** The longest name that Linux has: NAME_MAX (linux/limits.h). */
const NAME_MAX = 255;

/**
 * Notifies by marker file: resolves with the reply that replaces it, with undefined when there was none in time.
 *
 * The path comes from the app, which may be another user's and hostile. So its directory is opened once and must be the app's own,
 * and all else happens in that open directory: there the app could do by itself whatever this does.
 * @throws {Error} when nothing may be written there; it says why.
 */
export async function notifyByFile(
  page: DriverPage,
  path: string,
  notice: Notice,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Reply | undefined> {
  const { libc, uid } = page;
  const name = fileName(path);
  using directory = openBeneath(libc, page.pid, dirname(path));
  const problem = directoryProblem(statOf(libc, directory.fd), uid);
  if (problem)
    throw new Error(`Cannot notify by the file ${printable(path)}: its directory cannot be used, ${problem}.`);
  const isTrusted = (owner: number): boolean => owner === 0 || owner === uid;
  const entry: Entry = { directory: directory.fd, name };
  exchangeMarker(libc, entry, notice, isTrusted);
  try {
    const end = performance.now() + timeoutMs;
    for (let turn = 0; ; turn++) {
      const reply = replyIn(page, entry, notice.id, isTrusted);
      if (reply) return reply;
      if (performance.now() >= end || signal?.aborted || !page.process.isAlive()) return undefined;
      await new Promise((resolve) => setTimeout(resolve, turn < 20 ? 0.5 : 5));
    }
  } finally {
    // Without an answer it must not be found later, by an app that starts.
    const { marker } = readMarker(libc, entry) ?? {};
    if (marker?.kind === "notice" && marker.notice?.id === notice.id) removeEntry(libc, entry);
  }
}

/** `ready` only from the marker, so that the app is done with its files; a refusal also from the page: the disk may be full. */
function replyIn(page: DriverPage, entry: Entry, id: string, isTrusted: (uid: number) => boolean): Reply | undefined {
  const found = readMarker(page.libc, entry);
  const marker = found && isTrusted(found.uid) ? found.marker : undefined;
  if (marker?.kind === "reply" && marker.id === id) {
    const { reply } = marker;
    if (reply.reply === "ready") return reply;
    return { reply: "refused", reasons: reply.reasons.map((text) => printable(text)) };
  }
  const { activeId, reply, refusal } = page.status();
  if (activeId === id && reply === "refused") return { reply, reasons: refusal };
  if (marker?.kind !== "outcome" || marker.id !== id) return undefined;
  return {
    reply: "refused",
    reasons: ["it was ready, and its lease ended before that was seen: give it a longer leaseMs"],
  };
}

function fileName(path: string): string {
  const name = basename(path);
  const isName = !["", ".", ".."].includes(name) && !path.includes("\0") && Buffer.byteLength(name) <= NAME_MAX;
  if (path.startsWith("/") && isName) return name;
  throw new Error(`Cannot notify by the file ${printable(path)}: that is not the absolute path of a file.`);
}
