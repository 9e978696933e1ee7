import { secondsSinceBoot } from "../../ffi/clock.ts";
import { fileCalls } from "../../ffi/files.ts";
import { type Libc, openLibc, openLibcIfAny } from "../../ffi/libc.ts";
import { isThread } from "../../ffi/worker_threads.ts";
import type { CheckpointContext, RestoreContext } from "../../lifecycle/types.ts";
import { WorkersError } from "./errors.ts";
import {
  clearAway,
  type FoundWorker,
  findWorkerPages,
  type HolderPage,
  locks,
  openHolderPage,
  outcomes,
  replies,
} from "./pages.ts";

const LOOK_EVERY_MS = 1;
/** What the hooks of workers get of the time of the hook here, and when those that have not answered are named. */
const SHARE = { hooks: 0.8, all: 0.9 } as const;
/** How long a worker may take to go on, and to renew its generators. */
const PATIENCE_MS = 5000;
/** Most workers rebuild nothing, or at once: that is waited for without a turn of the event loop. */
const AT_ONCE_MS = 10;

const ring = Uint8Array.of(1);

/** A round in which workers are held. */
interface Round {
  /** The resource that ends it. */
  readonly owner: object;
  readonly libc: Libc;
  readonly number: number;
  readonly workers: FoundWorker[];
}

let holder: HolderPage | undefined;
let round: Round | undefined;
/** Whether the random generators of the workers are part of this round. */
let renews = false;

/** Says that this process holds its workers, as soon as that can be said: they may ask before the first checkpoint. */
export function announceHolder(): void {
  openLibc().then(
    (libc) => {
      holder ??= openHolderPage(libc);
    },
    // A process that is never dumped; or a hook will say so.
    () => {},
  );
}

/**
 * Asks every worker that has joined to prepare and to stand still, and resolves when all do. Of several resources that ask, the first does it
 * for all: it is the last that is rebuilt, and lets them go.
 *
 * @throws {WorkersError} when one refuses, or does not stand still in time; each is named.
 */
export async function holdWorkers(owner: object, context: CheckpointContext): Promise<void> {
  const libc = await openLibcIfAny();
  if (!libc) return;
  holder ??= openHolderPage(libc);
  if (!holder.swap("isHolding", 0, 1)) return;
  const number = holder.get("round") + 1;
  holder.set("round", number);
  const workers: FoundWorker[] = [];
  round = { owner, libc, number, workers };
  const timeMs = SHARE.all * context.timeoutMs;
  const until = performance.now() + timeMs;
  const hooksMs = SHARE.hooks * context.timeoutMs;
  const notice = {
    id: context.noticeId,
    criuOptions: context.criuOptions.filter((name) => /^\w+$/.test(name)),
    ...(Number.isFinite(hooksMs) ? { deadline: Date.now() + hooksMs } : {}),
  };
  for (let isAlone = false; !isAlone; ) {
    // One may have started another.
    const others = findWorkers(libc, workers);
    isAlone = others.length === 0;
    workers.push(...others);
    for (const { page } of others) page.leave("notice", notice);
    for (const worker of others) ask(libc, worker, number);
    for (let late = awaited(); late.length > 0; late = awaited()) {
      context.signal.throwIfAborted();
      if (performance.now() >= until) fail(late.map(says(notStill(timeMs))));
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
  fail(workers.filter((worker) => hasReplied(worker, number, "refused")).flatMap(saidIn("reasons")));

  function awaited(): FoundWorker[] {
    return workers.filter((worker) => worker.page.get("replied") !== number && isThere(worker));
  }
}

/** After this round, if it was a restore, the random generators of the workers take a new seed. */
export function renewWorkers(): void {
  renews = true;
}

/**
 * Tells the workers the outcome. They have gone on, with new generators, when this returns; the promise is that of what they rebuild. Does
 * nothing for a resource that did not begin.
 *
 * @throws {WorkersError} when something could not be rebuilt; each worker is named.
 */
export function releaseWorkers(owner: object, context: RestoreContext): void | Promise<void> {
  if (!round || round.owner !== owner) return;
  const { libc, number, workers } = round;
  const { outcome, simulated, generation, timeoutMs } = context;
  const isRenewal = renews && outcome === "restored" && !simulated;
  round = undefined;
  renews = false;
  if (isRenewal) holder?.set("renewedAt", Math.ceil(secondsSinceBoot(libc)));
  for (const { page } of workers) {
    page.set("outcome", outcomes.indexOf(outcome));
    page.set("isSimulated", Number(simulated));
    page.set("generation", generation);
    page.set("renews", Number(isRenewal));
    page.set("told", number);
  }
  holder?.set("isHolding", 0);
  // One that did not come to it has nothing to rebuild.
  const prepared = workers.filter(({ page }) => page.get("replied") === number);
  const wereHeld = prepared.filter((worker) => hasReplied(worker, number, "ready"));
  const notGone = waitBlocked(wereHeld, "renewed", number, PATIENCE_MS);
  const finish = (late: readonly FoundWorker[]): void => {
    const said = prepared.filter(({ page }) => page.get("done") === number).flatMap(saidIn("errors"));
    for (const { page } of workers) page[Symbol.dispose]();
    fail([...notGone.map(says(NOT_GONE)), ...late.map(says(NOT_REBUILT)), ...said]);
  };
  const rebuilding = waitBlocked(
    prepared.filter((worker) => !notGone.includes(worker)),
    "done",
    number,
    AT_ONCE_MS,
  );
  if (rebuilding.length === 0) return finish([]);
  return waitForAll(rebuilding, number, SHARE.all * timeoutMs).then(finish);
}

/** The workers that run, but for those that are known; what others have left behind is cleared away. */
function findWorkers(libc: Libc, known: readonly FoundWorker[]): FoundWorker[] {
  return findWorkerPages(libc).filter((found) => {
    const { worker, page } = found;
    const isKnown = known.some((other) => other.worker.id === worker.id && isThere(other));
    const isGone = !isThread(worker.id);
    if (isGone) clearAway(libc, found);
    if (isGone || isKnown) page[Symbol.dispose]();
    return !isGone && !isKnown;
  });
}

/** Whether it still runs, and has not left. */
function isThere({ worker, page }: FoundWorker): boolean {
  return page.get("lock") !== locks.gone && isThread(worker.id);
}

function hasReplied({ page }: FoundWorker, number: number, reply: (typeof replies)[number]): boolean {
  return page.get("replied") === number && replies[page.get("reply")] === reply;
}

function ask(libc: Libc, { page }: FoundWorker, number: number): void {
  page.set("asked", number);
  // It may be leaving: then its bell may be something else by now.
  if (!page.swap("lock", locks.free, locks.used)) return;
  fileCalls(libc).write(page.get("bell"), ring, ring.length);
  page.set("lock", locks.free);
}

/** Blocks this thread until a word of all is this number, or they have ended; returns those that were late. */
function waitBlocked(workers: FoundWorker[], word: "renewed" | "done", number: number, timeMs: number): FoundWorker[] {
  const until = performance.now() + timeMs;
  return workers.filter((worker) => {
    const { page } = worker;
    const isAway = (): boolean => page.get(word) !== number && isThere(worker);
    while (isAway() && performance.now() < until) page.wait(word, page.get(word), LOOK_EVERY_MS);
    return isAway();
  });
}

async function waitForAll(workers: FoundWorker[], number: number, timeMs: number): Promise<FoundWorker[]> {
  const until = performance.now() + timeMs;
  let late = workers;
  while (late.length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    late = waitBlocked(late, "done", number, 0);
  }
  return late;
}

/** What a worker, or its main thread of it, says. */
interface Said {
  readonly name: string;
  readonly reason: string;
}

const NOT_GONE = `it has not gone on for ${PATIENCE_MS} ms`;
const NOT_REBUILT = "it has not rebuilt everything in time";
const notStill = (timeMs: number): string =>
  `it does not stand still: it has not come back to its event loop, or its hooks are not done, for ${Math.round(timeMs)} ms. Checkpoint when it has less to do, or give the resource more time`;

function says(reason: string): (found: FoundWorker) => Said {
  return ({ worker: { name } }) => ({ name, reason });
}

function saidIn(text: "reasons" | "errors"): (found: FoundWorker) => Said[] {
  return (found) => (found.page.read(text) as string[]).map((reason) => says(reason)(found));
}

function fail(said: readonly Said[]): void {
  if (said.length === 0) return;
  const message = said.map(({ name, reason }) => `worker ${name}: ${reason}`).join("; ");
  throw new WorkersError(message, [...new Set(said.map(({ name }) => name))]);
}
