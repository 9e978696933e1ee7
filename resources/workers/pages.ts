import { readProcLink } from "#proc";
import { descriptorLinks } from "../../ffi/descriptor_links.ts";
import type { Libc } from "../../ffi/libc.ts";
import { HOLDER_NAME, isHolder, JOINED_NAME, joinedIn, type Thread } from "../../ffi/worker_threads.ts";
import { SharedPage } from "./shared_page.ts";

/** A page of another version of this package is left alone. */
const VERSION = 2;

/** Who writes what: `worker`, unless said otherwise. Rounds have numbers that grow. */
const workerWords = [
  "version",
  /** Both: see {@linkcode locks}. */
  "lock",
  /** The descriptor that rings at the worker, and the one that it rings at. */
  "bell",
  "ear",
  /** Where it has mapped this page, in halves. */
  "addressLow",
  "addressHigh",
  /** Holder: the round in which the worker is to stand still. The notice is left before. */
  "asked",
  /** The round of `reply`. */
  "replied",
  /** Index into {@linkcode replies}. The reasons are left before. */
  "reply",
  /** Holder: the round that is over. The next words are about it. */
  "told",
  /** Holder: index into {@linkcode outcomes}. */
  "outcome",
  "isSimulated",
  "generation",
  /** Holder: whether the random generators are to take a new seed. */
  "renews",
  /** The round after which the worker is no longer where it was held, and its generators are new. */
  "renewed",
  /** The round after which everything is rebuilt. What could not be is left before. */
  "done",
] as const;
const holderWords = [
  "version",
  /** 1 from the notice to the outcome: nobody joins meanwhile. */
  "isHolding",
  /** The last round. */
  "round",
  /** When generators took a new seed last, in the ticks of `startTime()`; 0: never. */
  "renewedAt",
] as const;

export const replies = ["none", "ready", "refused"] as const;
export const outcomes = ["aborted", "continued", "restored"] as const;
/** Whether what belongs to a page may be used, is just being used, or is gone. */
export const locks = { free: 0, used: 1, gone: 2 } as const;

/** What a worker that has joined shares with who holds it. */
export type WorkerPage = SharedPage<(typeof workerWords)[number]>;
/** What who holds workers shares with those that are about to join. */
export type HolderPage = SharedPage<(typeof holderWords)[number]>;

/** The page of a worker, as another thread has found it. */
export interface FoundWorker {
  readonly worker: Thread;
  /** The descriptor of the page. */
  readonly fd: number;
  readonly page: WorkerPage;
}

/** Makes the page of a worker; the second descriptor of the pair rings at it. */
export function createWorkerPage(libc: Libc, { id, name }: Thread, [ear, bell]: readonly [number, number]): WorkerPage {
  const page = SharedPage.create(libc, workerWords, `${JOINED_NAME}:${id}:${name}`);
  page.set("bell", bell);
  page.set("ear", ear);
  page.set("addressLow", Number(BigInt.asIntN(32, page.address)));
  page.set("addressHigh", Number(page.address >> 32n));
  page.set("version", VERSION);
  return page;
}

/** The pages of all workers. */
export function findWorkerPages(libc: Libc): FoundWorker[] {
  return descriptorLinks("self").flatMap(({ path, link }) => {
    const worker = joinedIn(link);
    const fd = Number(path.split("/").at(-1));
    const page = worker && SharedPage.map(libc, workerWords, fd, link);
    if (page?.get("version") === VERSION) return [{ worker: worker as Thread, fd, page }];
    page?.[Symbol.dispose]();
    return [];
  });
}

/** Closes and unmaps what a worker that has ended has left, if nobody else does. */
export function clearAway(libc: Libc, { fd, page }: FoundWorker): void {
  if (!page.swap("lock", locks.free, locks.gone)) return;
  const low = BigInt.asUintN(32, BigInt(page.get("addressLow")));
  SharedPage.unmap(libc, (BigInt(page.get("addressHigh")) << 32n) | low);
  const [ear, bell] = [page.get("ear"), page.get("bell")];
  // Deno does not close it. In Bun something else may have its number by now: it is no pipe of this bell's.
  if (isOnePipe(ear, bell)) libc.close(ear);
  libc.close(bell);
  libc.close(fd);
}

function isOnePipe(ear: number, bell: number): boolean {
  try {
    return readProcLink(`/proc/self/fd/${ear}`) === readProcLink(`/proc/self/fd/${bell}`);
  } catch {
    return false;
  }
}

/** The page of who holds the workers of this process; undefined as long as nobody does. It is never closed. */
export function findHolderPage(libc: Libc): HolderPage | undefined {
  for (const { path, link } of descriptorLinks("self").filter(({ link }) => isHolder(link))) {
    const page = SharedPage.map(libc, holderWords, Number(path.split("/").at(-1)), link);
    if (page?.get("version") === VERSION) return page;
    page?.[Symbol.dispose]();
  }
  return undefined;
}

/** The same, made where there is none. */
export function openHolderPage(libc: Libc): HolderPage {
  const found = findHolderPage(libc);
  if (found) return found;
  const page = SharedPage.create(libc, holderWords, HOLDER_NAME);
  page.set("version", VERSION);
  return page;
}
