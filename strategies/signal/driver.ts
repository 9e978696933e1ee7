import { isCaught } from "../../ffi/process.ts";
import type { Notice, Reply } from "../../lifecycle/types.ts";
import type { DriverPage } from "../../page/driver_page.ts";

/**
 * Notifies by signal: the notice is left on the page, the signal sent through the pidfd, the reply read from the page.
 * Resolves with undefined when there was none within `timeoutMs`, or before `signal` aborted.
 */
export async function notifyBySignal(
  page: DriverPage,
  notice: Notice,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Reply | undefined> {
  if (page.noticeSignal === undefined) {
    return { reply: "refused", reasons: ["the app takes no notice by signal; it has to attach with signal()"] };
  }
  page.notify(notice);
  return page.reply(notice.id, timeoutMs, signal);
}

/** Whether the app takes notices by a signal that nobody handles any more: something has taken its handler away after attach(). */
export function isDeafToSignal(page: DriverPage): boolean {
  const number = page.noticeSignal;
  return number !== undefined && !isCaught(page.pid, number);
}
