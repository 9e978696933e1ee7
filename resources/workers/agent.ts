import { clearTimeout, setTimeout } from "node:timers";
import { generators } from "#generators";
import { createClock } from "../../ffi/clock.ts";
import type { Libc } from "../../ffi/libc.ts";
import { printable } from "../../ffi/printable.ts";
import { startTime } from "../../ffi/process.ts";
import { ownThreadId } from "../../ffi/thread.ts";
import { openWakePair } from "../../ffi/wake_pair.ts";
import { isThread, type Thread } from "../../ffi/worker_threads.ts";
import { messages } from "../../lifecycle/errors.ts";
import { Lifecycle } from "../../lifecycle/lifecycle.ts";
import type { Caller, Release } from "../../lifecycle/ports.ts";
import type { Notice, Resource } from "../../lifecycle/types.ts";
import { join as joinRegistry } from "../../registry.ts";
import {
  clearAway,
  createWorkerPage,
  findHolderPage,
  findWorkerPages,
  locks,
  outcomes,
  replies,
  type WorkerPage,
} from "./pages.ts";

/** Options of `joinWorker()`. */
export interface JoinOptions {
  /** Names the worker in refusals and in `criu-aware inspect`, by its first 50 characters. @default its own `name`, or the number of its thread */
  readonly name?: string;
  /** What prepares in this worker, and is rebuilt in it. */
  readonly resources?: readonly Resource[];
  /** The time for each hook of a resource that names none, in milliseconds; the main thread may leave less. @default 10000 */
  readonly hookTimeoutMs?: number;
}

/** A worker that has joined. Disposal takes it out again: it is no longer held. */
export interface JoinedWorker extends Disposable {
  /** Whether the main thread holds workers: it has `workers()` of criu-aware/resources/workers, or `uniqueness()`. */
  readonly isHeld: boolean;
  /**
   * Adds a resource; disposal of what is returned takes it out again. While a checkpoint is under way it counts for the next.
   * @throws {TypeError} when it has no name, an unknown tier, or is registered already.
   * @throws {RangeError} for a `timeoutMs` that is none.
   */
  register(resource: Resource): Disposable;
}

const LONGEST_NAME = 50;
/** What a page has room for. */
const MOST_REASONS = 8;
const LONGEST_REASON = 400;
/** A main thread that holds no workers by then has most likely forgotten them. */
const UNHELD_MS = 10_000;
/** proc(5) counts in hundredths of a second. */
const TICKS = 100;

/** Starts the agent of this worker: a lifecycle that the main thread drives by the worker's page. `onLeave` is called when it is disposed. */
export async function startAgent(libc: Libc, options: JoinOptions, onLeave: () => void): Promise<JoinedWorker> {
  const { name = (globalThis as { name?: string }).name, resources = [], hookTimeoutMs = 10_000 } = options;
  generators.replace();
  let page: WorkerPage | undefined;
  let round = 0;
  const hold = (held: WorkerPage): Release => {
    for (let told = held.get("told"); told !== round; told = held.get("told")) held.wait("told", told);
    const release = { outcome: outcomes[held.get("outcome")] ?? "continued", simulated: held.get("isSimulated") === 1 };
    // It counts its restores, but may have been started after some.
    lifecycle.generation = held.get("generation") - Number(release.outcome === "restored" && !release.simulated);
    return release;
  };
  const lifecycle = new Lifecycle({
    hookTimeoutMs,
    now: createClock(libc),
    // The main thread does.
    report() {},
    publish() {},
    takeLaunch: () => ({}),
    isWithdrawn: () => page?.get("told") === round || !page,
    arm: () => () => hold(page as WorkerPage),
  });
  const caller: Caller = {
    reply(reply) {
      if (reply.reply === "refused") page?.leave("reasons", short(reply.reasons));
      page?.set("reply", replies.indexOf(reply.reply));
      page?.set("replied", round);
    },
    outcome(_, errors) {
      page?.leave("errors", short(messages(errors)));
      page?.set("done", round);
      queueMicrotask(obey);
    },
  };
  const obey = (): void => {
    if (!page || page.get("asked") === round || lifecycle.state !== "running") return;
    round = page.get("asked");
    lifecycle.deliver(page.read("notice") as Notice, caller);
  };
  lifecycle.resources.add({
    name: "random generators",
    tier: "runtime",
    afterRestore({ outcome, simulated }) {
      try {
        if (outcome === "restored" && !simulated && page?.get("renews")) generators.renew(libc);
      } finally {
        page?.set("renewed", round);
      }
    },
  });
  const register = (resource: Resource): Disposable => lifecycle.resources.add(resource);
  for (const resource of resources) register(resource);

  using cleanup = new DisposableStack();
  const pair = openWakePair(libc);
  cleanup.defer(() => void libc.close(pair[1]));
  cleanup.use(await libc.runtime.watch(pair[0], obey));
  cleanup.use(joinRegistry(register));
  page = enter(libc, { id: ownThreadId(), name: printable(name ?? "", LONGEST_NAME) }, pair);
  cleanup.defer(() => {
    const own = page;
    page = undefined;
    if (own) leave(own);
  });
  begin(libc);
  const isHeld = (): boolean => {
    using holder = findHolderPage(libc);
    return holder !== undefined;
  };
  const timer = setTimeout(() => isHeld() || console.error(UNHELD), UNHELD_MS).unref();
  cleanup.defer(() => clearTimeout(timer));
  const running = cleanup.move();
  return {
    get isHeld() {
      return isHeld();
    },
    register,
    [Symbol.dispose]() {
      if (running.disposed) return;
      onLeave();
      running.dispose();
    },
  };
}

const UNHELD =
  "criu-aware: this worker has joined, but its main thread holds no workers: register workers() of criu-aware/resources/workers there.";

/** Makes the page of this worker. Who comes while workers are held waits until that is over. */
function enter(libc: Libc, thread: Thread, pair: readonly [number, number]): WorkerPage {
  for (const found of findWorkerPages(libc)) {
    // The kernel gives the ids of threads anew.
    if (found.worker.id === thread.id || !isThread(found.worker.id)) clearAway(libc, found);
    found.page[Symbol.dispose]();
  }
  for (;;) {
    using holder = findHolderPage(libc);
    while (holder?.get("isHolding")) holder.wait("isHolding", 1);
    const page = createWorkerPage(libc, thread, pair);
    using later = holder ? undefined : findHolderPage(libc);
    // Whoever holds has seen the page, or is seen here.
    if (!(holder ?? later)?.get("isHolding") || page.get("asked") > 0) return page;
    leave(page);
  }
}

function leave(page: WorkerPage): void {
  while (!page.swap("lock", locks.free, locks.gone)) page.wait("lock", locks.used, 1);
  page[Symbol.dispose]();
}

/** This thread may have drawn before the restore that gave new seeds to all that had joined by then. */
function begin(libc: Libc): void {
  using holder = findHolderPage(libc);
  const begunAt = Number(startTime("thread-self")) / TICKS;
  if (begunAt <= (holder?.get("renewedAt") ?? 0)) generators.renew(libc);
  else generators.begin(libc);
}

function short(reasons: readonly string[]): string[] {
  return reasons.slice(0, MOST_REASONS).map((reason) => reason.slice(0, LONGEST_REASON));
}
