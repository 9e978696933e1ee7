import { constants } from "node:os";
import { openLibc } from "../ffi/libc.ts";
import { openProcess, type ProcessHandle } from "../ffi/process.ts";
import { childrenOf } from "../ffi/process_tree.ts";

const signals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGCONT"] as const;

/**
 * A terminal sends Ctrl-C to every process in its foreground, and a wrapper (`bun run`) passes it on to this one as well, some
 * milliseconds later. Within this time it is one and the same.
 */
const SAME_WITHIN_MS = 100;
const ofTerminals: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"];

/** Signals on their way to a program, until disposal. */
export interface SignalRelay extends Disposable {
  /**
   * Names the program, a child of this process: signals that came before are passed on now, later ones at once. One that has ended
   * gets none: its pid may be another one's by now.
   */
  passTo(pid: number): void;
}

/**
 * Catches the signals that are meant for a program, also while it does not exist yet. Those of `ignored` stay ignored. Ctrl-Z stops the program and this process; the program, which has a session of its own, gets SIGSTOP, for
 * the kernel drops SIGTSTP there.
 */
export function relaySignals(ignored: readonly number[] = []): SignalRelay {
  const last = new Map<string, number>();
  const held = new DisposableStack();
  let target: ProcessHandle | undefined;
  const queued: NodeJS.Signals[] = [];
  const pass = (signal: NodeJS.Signals): void => {
    if (target === undefined) return void queued.push(signal);
    try {
      target.kill(constants.signals[signal === "SIGTSTP" ? "SIGSTOP" : signal]);
    } catch {
      // It has just ended.
    }
    if (signal === "SIGTSTP") process.kill(process.pid, "SIGSTOP");
  };
  const receive = (signal: NodeJS.Signals): void => {
    // Caught all the same: once Deno handles one signal, it handles others too.
    if (ignored.includes(constants.signals[signal])) return;
    const now = performance.now();
    const before = last.get(signal) ?? Number.NEGATIVE_INFINITY;
    if (ofTerminals.includes(signal) && now - before < SAME_WITHIN_MS) return;
    last.set(signal, now);
    pass(signal);
  };
  const hold = async (pid: number): Promise<void> => {
    const libc = await openLibc();
    if (held.disposed) return;
    const program = held.use(openProcess(libc, pid));
    if (!childrenOf(process.pid)?.includes(pid)) return;
    target = program;
    queued.splice(0).forEach(pass);
  };
  for (const signal of signals) process.on(signal, receive);
  return {
    passTo(pid) {
      // There is none with that pid: it has ended.
      hold(pid).catch(() => {});
    },
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, receive);
      held[Symbol.dispose]();
    },
  };
}
