import { setTimeout as sleep } from "node:timers/promises";
import { openAttached } from "./attached.ts";
import { DumpRefusedError } from "./engine.ts";
import type { NoticeOptions } from "./participants.ts";

/** Often enough for people, and little work beside an app that warms up. */
const LOOK_MS = 25;

/**
 * Waits until a process of the tree of `pid` is at its point: `agent.point()`. One that has not attached yet is waited for as well.
 * @throws {UsageError} when there is no such process, or no longer.
 * @throws {DumpRefusedError} when none came there within `timeoutMs`.
 * @throws what `signal` was aborted with.
 */
export async function awaitPoint(
  pid: number,
  { timeoutMs = 10_000, signal }: Pick<NoticeOptions, "timeoutMs" | "signal">,
): Promise<void> {
  for (const end = performance.now() + timeoutMs; ; await sleep(LOOK_MS)) {
    signal?.throwIfAborted();
    if (await isAnyAtPoint(pid)) return;
    if (performance.now() < end) continue;
    const reasons = [`no process of its tree came to its point within ${timeoutMs} ms: agent.point()`];
    throw new DumpRefusedError([{ pid, reasons, cure: "Give it more time (timeoutMs, --timeout-ms)." }]);
  }
}

async function isAnyAtPoint(pid: number): Promise<boolean> {
  using opened = new DisposableStack();
  const pages = await openAttached(pid);
  for (const page of pages) opened.use(page);
  return pages.some((page) => page.isAtPoint());
}
