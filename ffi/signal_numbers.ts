import * as os from "node:os";

export const SIGURG = 23;
export const SIGIO = 29;
/** What asks a program to end: SIGHUP, SIGINT, SIGQUIT, SIGTERM. */
export const END_SIGNALS: readonly number[] = [1, 2, 3, 15];

/** First and last real-time signal that libc leaves to programs: signal(7); glibc keeps 32 and 33. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;
/** Not to be taken over: SIGKILL and SIGSTOP cannot be, faults and SIGCHLD belong to the runtime, 32 and 33 to libc. */
const RESERVED = [4, 5, 6, 7, 8, 9, 11, 17, 19, 31, 32, 33];

/** A signal by number, by name, or a real-time one as `SIGRTMIN+n` or `SIGRTMAX-n`. */
export type SignalName = number | `SIG${string}`;

/**
 * The number of a signal that a notice may use.
 * @throws {RangeError} for a signal that is unknown or that a program must not take over.
 */
export function signalNumber(signal: SignalName): number {
  const number = Number(typeof signal === "number" ? signal : byName(signal));
  if (Number.isInteger(number) && number >= 1 && number <= SIGRTMAX && !RESERVED.includes(number)) return number;
  throw new RangeError(`Cannot use ${signal} for notices: use SIGURG, SIGUSR2, SIGRTMIN+n, or another free signal.`);
}

function byName(name: string): number | undefined {
  const [, base, offset] = /^SIGRT(MIN|MAX)([+-]\d+)?$/.exec(name) ?? [];
  if (!base) return os.constants.signals[name as "SIGURG"];
  const number = (base === "MIN" ? SIGRTMIN : SIGRTMAX) + Number(offset ?? 0);
  return number < SIGRTMIN ? undefined : number;
}
