import { constants } from "node:os";
import { openLibc } from "../ffi/libc.ts";
import { openProcess, type ProcessHandle } from "../ffi/process.ts";
import { childrenOf } from "../ffi/process_tree.ts";

const signals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/** Signals on their way to a program, until disposal. */
export interface SignalRelay extends Disposable {
  /**
   * Names the program, a child of this process: signals that came before are passed on now, later ones at once. One that has ended
   * gets none: its pid may be another one's by now.
   */
  passTo(pid: number): void;
}

/** Catches the signals that are meant for a program, also while it does not exist yet. */
export function relaySignals(): SignalRelay {
  const held = new DisposableStack();
  let target: ProcessHandle | undefined;
  const queued: NodeJS.Signals[] = [];
  const pass = (signal: NodeJS.Signals): void => {
    if (target === undefined) return void queued.push(signal);
    try {
      target.kill(constants.signals[signal]);
    } catch {
      // It has just ended.
    }
  };
  const hold = async (pid: number): Promise<void> => {
    const libc = await openLibc();
    if (held.disposed) return;
    const program = held.use(openProcess(libc, pid));
    if (!childrenOf(process.pid)?.includes(pid)) return;
    target = program;
    queued.splice(0).forEach(pass);
  };
  for (const signal of signals) process.on(signal, pass);
  return {
    passTo(pid) {
      // There is none with that pid: it has ended.
      hold(pid).catch(() => {});
    },
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, pass);
      held[Symbol.dispose]();
    },
  };
}
