import { basename, dirname } from "node:path";
import { openBeneath } from "../../ffi/beneath.ts";
import { type Entry, removeEntry } from "../../ffi/entries.ts";
import { printable } from "../../ffi/printable.ts";
import { statOf } from "../../ffi/stat.ts";
import type { Notice, Reply } from "../../lifecycle/types.ts";
import type { DriverPage } from "../../page/driver_page.ts";
import { directoryProblem, exchangeMarker, readMarker } from "./marker.ts";

/** An app that has said nothing by then is woken. */
const SILENT_MS = 200;
/** The longest name that Linux has: NAME_MAX (linux/limits.h). */
const NAME_MAX = 255;

/** Where the marker of an app is, in a directory of its own, and whose markers count there. */
interface MarkerPlace extends Disposable {
  readonly entry: Entry;
  readonly isTrusted: (uid: number) => boolean;
}

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
  const { libc } = page;
  using place = openPlace(page, path);
  const { entry, isTrusted } = place;
  exchangeMarker(libc, entry, notice, isTrusted);
  try {
    const start = performance.now();
    const end = start + timeoutMs;
    let isWoken = false;
    for (let turn = 0; ; turn++) {
      const reply = replyIn(page, place, notice.id);
      if (reply) return reply;
      if (performance.now() >= end || signal?.aborted || !page.process.isAlive()) return undefined;
      await new Promise((resolve) => setTimeout(resolve, turn < 20 ? 0.5 : 5));
      // It may not watch this directory: that was deleted, and made again.
      if (isWoken || performance.now() < start + SILENT_MS) continue;
      isWoken = true;
      page.wake();
    }
  } finally {
    // Without an answer it must not be found later, by an app that starts.
    const { marker } = readMarker(libc, entry) ?? {};
    if (marker?.kind === "notice" && marker.notice?.id === notice.id) removeEntry(libc, entry);
  }
}

/**
 * Tells whoever answered in the marker that the checkpoint will not be.
 * @throws {Error} as `notifyByFile` does.
 */
export function withdrawByFile(page: DriverPage, path: string, id: string): void {
  using place = openPlace(page, path);
  const { entry, isTrusted } = place;
  const { marker } = readMarker(page.libc, entry) ?? {};
  if (marker?.kind === "reply" && marker.id === id) {
    exchangeMarker(page.libc, entry, { id, word: "aborted" }, isTrusted);
  }
}

/** `ready` only from the marker, so that the app is done with its files; a refusal also from the page: the disk may be full. */
function replyIn(page: DriverPage, { entry, isTrusted }: MarkerPlace, id: string): Reply | undefined {
  const found = readMarker(page.libc, entry);
  const marker = found && isTrusted(found.uid) ? found.marker : undefined;
  if (marker?.kind === "reply" && marker.id === id) return marker.reply;
  const { activeId, reply, refusal } = page.status();
  if (activeId === id && reply === "refused") return { reply, reasons: refusal };
  if (marker?.kind !== "outcome" || marker.id !== id) return undefined;
  return {
    reply: "refused",
    reasons: ["it was ready, and its lease ended before that was seen: give it a longer leaseMs"],
  };
}

function openPlace(page: DriverPage, path: string): MarkerPlace {
  const { libc, uid } = page;
  const name = fileName(path);
  const directory = openBeneath(libc, page.pid, dirname(path));
  const problem = directoryProblem(statOf(libc, directory.fd), uid);
  if (problem) {
    directory[Symbol.dispose]();
    throw new Error(`Cannot notify by the file ${printable(path)}: its directory cannot be used, ${problem}.`);
  }
  return {
    entry: { directory: directory.fd, name },
    isTrusted: (owner) => owner === 0 || owner === uid,
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

function fileName(path: string): string {
  const name = basename(path);
  const isName = !["", ".", ".."].includes(name) && !path.includes("\0") && Buffer.byteLength(name) <= NAME_MAX;
  if (path.startsWith("/") && isName) return name;
  throw new Error(`Cannot notify by the file ${printable(path)}: that is not the absolute path of a file.`);
}
