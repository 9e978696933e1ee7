import { basename, dirname } from "node:path";
import { openBeneath } from "../../ffi/beneath.ts";
import type { Notice, Reply } from "../../lifecycle/types.ts";
import type { DriverPage } from "../../page/driver_page.ts";
import { readMarker, replaceMarker } from "./marker.ts";

/** Notifies by marker file: resolves with the reply that replaces it, with undefined when there was none in time. */
export async function notifyByFile(
  page: DriverPage,
  path: string,
  notice: Notice,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Reply | undefined> {
  using directory = openBeneath(page.libc, page.pid, dirname(path));
  const marker = `${directory.path}/${basename(path)}`;
  replaceMarker(marker, notice);
  const end = performance.now() + timeoutMs;
  for (let turn = 0; ; turn++) {
    const found = readMarker(page.libc, marker)?.marker;
    if (found?.kind === "reply" && found.id === notice.id) return found.reply;
    if (performance.now() >= end || signal?.aborted || !page.process.isAlive()) return undefined;
    await new Promise((resolve) => setTimeout(resolve, turn < 20 ? 0.5 : 5));
  }
}

/** Tells whoever answered in the marker that the checkpoint will not be. */
export function withdrawByFile(page: DriverPage, path: string, id: string): void {
  using directory = openBeneath(page.libc, page.pid, dirname(path));
  const marker = `${directory.path}/${basename(path)}`;
  const found = readMarker(page.libc, marker)?.marker;
  if (found?.kind === "reply" && found.id === id) replaceMarker(marker, { id, word: "aborted" });
}
