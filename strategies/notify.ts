import { printable } from "../ffi/printable.ts";
import type { Notice, Reply } from "../lifecycle/types.ts";
import type { Endpoint } from "../page/document.ts";
import type { DriverPage } from "../page/driver_page.ts";
import { notifyByFile, withdrawByFile } from "./file/driver.ts";
import { type StrategyName, strategyNames } from "./names.ts";
import { isDeafToSignal, notifyBySignal } from "./signal/driver.ts";
import { notifyBySocket, withdrawBySocket } from "./socket/driver.ts";

export { directoryProblem as markerDirectoryProblem } from "./file/marker.ts";

/** An app that gave no sign for so long by one way is asked by the next one as well: the same notice counts once. */
const SILENCE_MS = 1000;

/** What a driver learns: the reply, and which ways have failed before one did not. */
export type Answer = Reply & { readonly warnings?: readonly string[] };

interface Way {
  ask(
    page: DriverPage,
    endpoint: Endpoint,
    ...rest: readonly [notice: Notice, timeoutMs: number, signal: AbortSignal | undefined]
  ): Promise<Reply | undefined>;
  /** Tells another process, which answered there by mistake, that no image was made. */
  withdraw?(page: DriverPage, endpoint: Endpoint, id: string): Promise<void> | void;
  /** Why the app cannot notice anything this way, though its page names it. */
  deafness?(page: DriverPage): string | undefined;
}

const ways: Record<StrategyName, Way> = {
  signal: { ask: (page, _endpoint, ...rest) => notifyBySignal(page, ...rest), deafness: deafToSignal },
  socket: {
    ask: (page, endpoint, ...rest) => notifyBySocket(page, pathOf(endpoint), ...rest),
    withdraw: (page, endpoint, id) => withdrawBySocket(page, pathOf(endpoint), id),
  },
  file: {
    ask: (page, endpoint, ...rest) => notifyByFile(page, pathOf(endpoint), ...rest),
    withdraw: (page, endpoint, id) => withdrawByFile(page, pathOf(endpoint), id),
  },
};

/**
 * Notifies the app behind a page and waits for its reply, by the strategy that is asked for or the first that it listens to; where
 * that one is deaf or silent, by the next. Whatever answers, the app is ready only when its own page says that it is held by this notice.
 * Silence, and whatever goes wrong on the way, is a refusal; the notice is then withdrawn.
 */
export async function notify(
  page: DriverPage,
  notice: Notice,
  timeoutMs: number,
  strategy?: StrategyName,
  signal?: AbortSignal,
): Promise<Answer> {
  const refuse = (...reasons: string[]): Reply => {
    page.withdraw(notice.id);
    return { reply: "refused", reasons: reasons.map((reason) => printable(reason)) };
  };
  try {
    const endpoints = (await page.wholeDocument(timeoutMs))?.strategies ?? [];
    const wanted: readonly StrategyName[] = strategy ? [strategy] : strategyNames;
    const names = wanted.filter((name) => endpoints.some(({ kind }) => kind === name));
    if (names.length === 0) {
      const offered = endpoints.map(({ kind }) => kind).join(", ") || "none";
      return refuse(`it does not take notices by ${wanted.join(", ")}; its strategies are: ${offered}`);
    }
    const problems: string[] = [];
    const usable = names.filter((name) => {
      const problem = ways[name].deafness?.(page);
      if (problem) problems.push(problem);
      return !problem;
    });
    if (usable.length === 0) return refuse(...problems);
    const end = performance.now() + timeoutMs;
    for (const name of usable) {
      const endpoint = endpoints.find(({ kind }) => kind === name) as Endpoint;
      const left = end - performance.now();
      const isLast = name === usable.at(-1);
      const patience = isLast ? left : Math.min(left, SILENCE_MS);
      let reply = await ways[name].ask(page, endpoint, notice, patience, signal);
      // It has begun with something: what it answers stands on its page as well.
      if (!reply && !isLast && page.status().state !== "running") {
        reply = await page.reply(notice.id, end - performance.now(), signal);
      }
      if (reply?.reply === "refused") return { ...reply, reasons: reply.reasons.map((reason) => printable(reason)) };
      if (reply && page.isHeldBy(notice.id)) return problems.length > 0 ? { ...reply, warnings: problems } : reply;
      if (reply) {
        await withdraw(ways[name], page, endpoint, notice);
        return refuse(whyNotHeld(page, notice, name));
      }
      if (signal?.aborted) return refuse("cancelled");
      if (!page.process.isAlive()) return refuse(hasEnded(page));
      if (!isLast) problems.push(`it gave no sign by ${name}`);
    }
    return refuse(`no answer within ${timeoutMs} ms; give the app more time (timeoutMs, --timeout-ms)`, ...problems);
  } catch (error) {
    return refuse(page.process.isAlive() ? (error as Error).message : hasEnded(page));
  }
}

function hasEnded({ pid }: DriverPage): string {
  return `process ${pid} has ended while it was asked: see what it says, a hook may have ended it`;
}

/** What was made safe to print is the name of another file. @throws {Error} */
function pathOf({ path }: Endpoint): string {
  const text = String(path);
  if (!text.includes("\ufffd") && !text.endsWith("…")) return text;
  throw new Error(`Cannot use its path, which is too long, or has characters that cannot be printed: ${text}`);
}

/** Where that fails, the hold of the other app ends with its lease. */
async function withdraw(way: Way, page: DriverPage, endpoint: Endpoint, { id }: Notice): Promise<void> {
  try {
    await way.withdraw?.(page, endpoint, id);
  } catch {}
}

function whyNotHeld(page: DriverPage, { id }: Notice, name: StrategyName): string {
  return page.status().activeId === id
    ? "it was ready, and is no longer held: its lease had run out"
    : `another process answered in its place by ${name}. Give each app a path of its own`;
}

/** The strategies that do not reach an app any more, though its page names them. @throws {PageError} `damaged`. */
export function deafStrategies(page: DriverPage): StrategyName[] {
  return strategyNames.filter((name) => ways[name].deafness?.(page) !== undefined);
}

function deafToSignal(page: DriverPage): string | undefined {
  if (!isDeafToSignal(page)) return undefined;
  return `signal ${page.noticeSignal} does not reach it: something has taken its handler away after attach()`;
}
