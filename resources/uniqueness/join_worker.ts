import { generators } from "#generators";
import { isArm64 } from "../../ffi/arm64.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { openWakePair } from "../../ffi/wake_pair.ts";
import { asks, WorkerPage, workerStates } from "./worker_page.ts";

// asm/unistd_64.h (x86-64), asm-generic/unistd.h (aarch64)
const SYS_GETTID = isArm64 ? 178 : 186;

let joined: Promise<Disposable> | undefined;

/**
 * Makes this worker take part in what `uniqueness()` of the main thread does: before a dump it stops where it is, and after a restore its own generators take a new
 * seed before it goes on. Call it at the beginning of each worker, also of those that are started after a restore. Called again, it does nothing new. It does not
 * keep the worker alive. A worker that does not come back to its event loop for five seconds refuses the checkpoint.
 *
 * Disposal takes the worker out again.
 *
 * @throws {UnsupportedPlatformError} on anything but Linux with Bun or Deno.
 * @example
 * ```ts
 * import { joinWorker } from "criu-aware/resources/uniqueness";
 *
 * await joinWorker();
 * ```
 */
export function joinWorker(): Promise<Disposable> {
  joined ??= join();
  return joined;
}

async function join(): Promise<Disposable> {
  generators.replace();
  const libc = await openLibc();
  using cleanup = new DisposableStack();
  const [inner, outer] = openWakePair(libc);
  cleanup.defer(() => void libc.close(outer));
  let page: WorkerPage | undefined;
  const watch = await libc.runtime.watch(inner, () => page && obey(libc, page));
  cleanup.use(watch);
  page = cleanup.use(WorkerPage.create(libc, Number(libc.syscall(SYS_GETTID, 0, 0, 0, 0, 0, 0)), outer));
  // It may have been started after a restore.
  generators.begin(libc);
  const running = cleanup.move();
  return {
    [Symbol.dispose]() {
      joined = undefined;
      page = undefined;
      running.dispose();
    },
  };
}

function obey(libc: Libc, page: WorkerPage): void {
  if (page.get("asked") === asks.goOn) return;
  while (page.get("asked") === asks.hold) {
    page.set("state", workerStates.held);
    page.wait("asked", asks.hold);
  }
  let state: number = workerStates.running;
  try {
    if (page.get("asked") === asks.renew) generators.renew(libc);
  } catch {
    state = workerStates.failed;
  }
  page.set("state", state);
}
