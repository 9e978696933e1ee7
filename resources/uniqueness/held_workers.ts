import { listProc } from "#proc";
import { fileCalls } from "../../ffi/files.ts";
import type { Libc } from "../../ffi/libc.ts";
import { asks, WorkerPage, workerStates } from "./worker_page.ts";

/** How long a worker may take to come back to its event loop, and to renew its generators. */
const PATIENCE_MS = 5000;
const LOOK_EVERY_MS = 1;

const bell = Uint8Array.of(1);

/** Workers that are asked to stand still. */
export interface HeldWorkers {
  /**
   * Resolves when all stand still.
   * @throws {Error} when one does not within five seconds, or `signal` is aborted.
   */
  held(signal: AbortSignal): Promise<void>;
  /**
   * Lets all go on, and, with `renew`, waits until each has renewed its generators.
   * @throws {Error} when one could not.
   */
  release(renew: boolean): void;
}

interface Worker {
  readonly thread: number;
  readonly page: WorkerPage;
}

/** Asks every worker that has joined to stand still. */
export function holdWorkers(libc: Libc): HeldWorkers {
  const workers = findWorkers(libc);
  const ask = ({ page }: Worker, what: number): void => {
    page.set("asked", what);
    fileCalls(libc).write(page.get("fd"), bell, bell.length);
  };
  for (const worker of workers) ask(worker, asks.hold);
  const isAway = ({ thread, page }: Worker): boolean => page.get("state") !== workerStates.held && isThread(thread);
  return {
    async held(signal) {
      for (let waited = 0; workers.some(isAway); waited += LOOK_EVERY_MS) {
        signal.throwIfAborted();
        if (waited >= PATIENCE_MS) {
          const busy = workers.filter(isAway).map(({ thread }) => thread);
          throw new Error(
            `The worker of thread ${busy.join(", ")} does not stand still: it has not come back to its event loop for ${PATIENCE_MS} ms. Checkpoint when it has less to do.`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    },
    release(renew) {
      const wereHeld = workers.filter(({ page }) => page.get("state") === workerStates.held);
      for (const { page } of workers) page.set("asked", renew ? asks.renew : asks.goOn);
      const failed: number[] = [];
      for (const { thread, page } of wereHeld) {
        const until = performance.now() + PATIENCE_MS;
        while (page.get("state") === workerStates.held && performance.now() < until && isThread(thread)) {
          page.wait("state", workerStates.held, 10);
        }
        if (page.get("state") !== workerStates.running && isThread(thread)) failed.push(thread);
      }
      for (const { page } of workers) page[Symbol.dispose]();
      for (const late of renew ? findWorkers(libc) : []) {
        // It has joined while the main thread was held, too late to be stopped: it renews when it comes to it.
        if (!workers.some(({ thread }) => thread === late.thread)) ask(late, asks.renew);
        late.page[Symbol.dispose]();
      }
      if (renew && failed.length > 0) {
        throw new Error(`The worker of thread ${failed.join(", ")} could not renew its random generators.`);
      }
    },
  };
}

/** Those that run; what others have left behind is closed. */
function findWorkers(libc: Libc): Worker[] {
  return WorkerPage.findAll(libc).flatMap(({ fd, page }) => {
    const thread = page.get("thread");
    if (isThread(thread)) return [{ thread, page }];
    libc.close(page.get("fd"));
    page[Symbol.dispose]();
    libc.close(fd);
    return [];
  });
}

function isThread(thread: number): boolean {
  return listProc("/proc/self/task").includes(String(thread));
}
