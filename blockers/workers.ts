import { descriptorLinks } from "../ffi/descriptor_links.ts";
import { printable } from "../ffi/printable.ts";
import { type Thread, workerThreads } from "../ffi/worker_threads.ts";
import { PAGE_LINK } from "../page/layout.ts";
import type { Scope } from "./scope.ts";

/** Looks for workers of attached processes that run on while the main thread is held. */
export function checkWorkers({ pids, report }: Scope): void {
  for (const pid of pids) {
    const { joined, others, areHeld } = workerThreads(pid);
    const free = [
      ...others.map((one) => [one, NOT_JOINED] as const),
      ...(areHeld ? [] : joined.map((one) => [one, NOT_HELD] as const)),
    ];
    // Of a process that is not attached no thread is ever held.
    if (free.length === 0 || !descriptorLinks(pid).some(({ link }) => link === PAGE_LINK)) continue;
    for (const [thread, why] of free)
      report.add("worker", { pid, what: describe(thread, why), same: String(thread.id) });
  }
}

const NOT_JOINED = "has not joined";
const NOT_HELD = "has joined, but the main thread holds no workers";

function describe({ id, name }: Thread, why: string): string {
  return `a worker that ${why}, and runs on while the app is held: thread ${id} (${printable(name)})`;
}
