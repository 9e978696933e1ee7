import { readProcLink } from "#proc";

/** The id of this thread as gettid(2) has it. */
export function ownThreadId(): number {
  // `PID/task/TID`: proc(5), since Linux 3.17.
  return Number(readProcLink("/proc/thread-self").split("/").at(-1));
}

/** Whether this is the thread that the program began with, and not a worker. */
export function isMainThread(): boolean {
  // Deno, in a `Worker`: there node:worker_threads says that it is the main thread.
  if (globalThis.constructor?.name === "DedicatedWorkerGlobalScope") return false;
  // A browser has no process.
  return globalThis.process?.getBuiltinModule?.("node:worker_threads").isMainThread !== false;
}
