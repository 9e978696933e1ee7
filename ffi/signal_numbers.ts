/** Signals by name: signal(7), the numbers of x86-64 and aarch64. */
const numbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGURG: 23,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
};

/** First and last real-time signal that libc leaves to programs (glibc and musl keep 32 and 33, musl 34 as well). */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

export const SIGURG = 23;
export const SIGIO = 29;

/** A signal by number, by name, or a real-time one as `SIGRTMIN+n` or `SIGRTMAX-n`. */
export type SignalName = number | `SIG${string}`;

/**
 * The number of a signal that a notice may use.
 * @throws {RangeError} for a signal that is unknown or that a program must not take over.
 */
export function signalNumber(signal: SignalName): number {
  if (typeof signal === "number") {
    const allowed = Object.values(numbers).includes(signal) || (signal >= SIGRTMIN && signal <= SIGRTMAX);
    if (allowed && Number.isInteger(signal)) return signal;
    throw new RangeError(`Cannot use signal ${signal} for notices: use one of ${suggestions()}.`);
  }
  const realTime = /^SIGRT(?:MIN\+(\d{1,2})|MAX-(\d{1,2})|(MIN|MAX))$/.exec(signal);
  const number = realTime
    ? realTime[1] !== undefined || realTime[3] === "MIN"
      ? SIGRTMIN + Number(realTime[1] ?? 0)
      : SIGRTMAX - Number(realTime[2] ?? 0)
    : numbers[signal];
  if (number !== undefined && (!realTime || (number >= SIGRTMIN && number <= SIGRTMAX))) return number;
  throw new RangeError(`Cannot use signal ${signal} for notices: use one of ${suggestions()}.`);
}

function suggestions(): string {
  return `SIGURG, SIGUSR1, SIGUSR2, SIGRTMIN+0 … SIGRTMAX-0 (or their numbers)`;
}
