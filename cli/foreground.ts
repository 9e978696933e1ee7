const signals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/** Signals on their way to a program, until disposal. */
export interface SignalRelay extends Disposable {
  /** Names the program: signals that came before are passed on now, later ones at once. */
  passTo(pid: number): void;
}

/** Catches the signals that are meant for a program, also while it does not exist yet. */
export function relaySignals(): SignalRelay {
  let target: number | undefined;
  const queued: NodeJS.Signals[] = [];
  const pass = (signal: NodeJS.Signals): void => {
    if (target === undefined) return void queued.push(signal);
    try {
      process.kill(target, signal);
    } catch {
      // It has just ended.
    }
  };
  for (const signal of signals) process.on(signal, pass);
  return {
    passTo(pid) {
      target = pid;
      queued.splice(0).forEach(pass);
    },
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, pass);
    },
  };
}
