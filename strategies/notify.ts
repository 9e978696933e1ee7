import type { Notice, Reply } from "../lifecycle/types.ts";
import type { Endpoint } from "../page/document.ts";
import type { DriverPage } from "../page/driver_page.ts";
import { notifyByFile } from "./file/driver.ts";
import { notifyBySignal } from "./signal/driver.ts";
import { notifyBySocket } from "./socket/driver.ts";

/** The ways by which a driver can notify, the one that it prefers first. */
export const strategyNames = ["signal", "socket", "file"] as const;

/** The name of a strategy that a driver can use. */
export type StrategyName = (typeof strategyNames)[number];

type Notifier = (
  page: DriverPage,
  endpoint: Endpoint,
  ...rest: readonly [notice: Notice, timeoutMs: number, signal: AbortSignal | undefined]
) => Promise<Reply | undefined>;

const notifiers: Record<StrategyName, Notifier> = {
  signal: (page, _endpoint, ...rest) => notifyBySignal(page, ...rest),
  socket: (page, endpoint, ...rest) => notifyBySocket(page, String(endpoint.path), ...rest),
  file: (page, endpoint, ...rest) => notifyByFile(page, String(endpoint.path), ...rest),
};

/**
 * Notifies the app behind a page and waits for its reply, by the strategy that is asked for or the first that it listens to.
 * Silence, and whatever goes wrong on the way, is a refusal; the notice is then withdrawn.
 */
export async function notify(
  page: DriverPage,
  notice: Notice,
  timeoutMs: number,
  strategy?: StrategyName,
  signal?: AbortSignal,
): Promise<Reply> {
  const refuse = (reason: string): Reply => {
    page.withdraw(notice.id);
    return { reply: "refused", reasons: [reason] };
  };
  const endpoints = page.document()?.strategies ?? [];
  const names = strategy ? [strategy] : strategyNames;
  const name = names.find((candidate) => endpoints.some(({ kind }) => kind === candidate));
  if (!name) {
    const offered = endpoints.map(({ kind }) => kind).join(", ") || "none";
    return refuse(`it does not take notices by ${strategy ?? names.join(", ")}; its strategies are: ${offered}`);
  }
  try {
    const endpoint = endpoints.find(({ kind }) => kind === name) as Endpoint;
    const reply = await notifiers[name](page, endpoint, notice, timeoutMs, signal);
    return reply ?? refuse(signal?.aborted ? "cancelled" : `no answer within ${timeoutMs} ms`);
  } catch (error) {
    return refuse((error as Error).message);
  }
}
