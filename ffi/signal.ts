import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";

// struct sigaction of glibc and musl (bits/sigaction.h), the same on x86-64 and aarch64.
const SIGACTION = { handler: 0, flags: 136, bytes: 160 } as const;
const SA_SIGINFO = 4;
const SA_ONSTACK = 0x08000000;
const SA_RESTART = 0x10000000;
export const SIG_IGN = 1n;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
const SIGSET_BYTES = 128;
/** Raised by the thread itself when it goes wrong: SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS. Never blocked. */
const FAULTS = [4, 5, 7, 8, 11, 31];

/** A handler that is installed. */
export interface InstalledHandler extends Disposable {
  /** The address of the one before it; 0 and 1 stand for none (SIG_DFL, SIG_IGN). */
  readonly before: bigint;
  /** Makes everything as it was, whatever that was. */
  putBack(): void;
}

/**
 * Installs native code as the handler of `signal`. Disposal puts the old handler back, or ignores the signal where the
 * old disposition was the default: a notice that comes late must not end the process.
 */
export function installHandler(libc: Libc, signal: number, handler: bigint): InstalledHandler {
  const action = new DataView(new ArrayBuffer(SIGACTION.bytes));
  const old = new DataView(new ArrayBuffer(SIGACTION.bytes));
  action.setBigUint64(SIGACTION.handler, handler, true);
  action.setInt32(SIGACTION.flags, SA_SIGINFO | SA_RESTART | SA_ONSTACK, true);
  libc.check(libc.sigaction(signal, bytesOf(action), bytesOf(old)), `handle signal ${signal}`);
  const before = old.getBigUint64(SIGACTION.handler, true);
  const putBack = (): void => void libc.sigaction(signal, bytesOf(old), new Uint8Array(SIGACTION.bytes));
  return {
    before,
    putBack,
    [Symbol.dispose](): void {
      if (before === 0n) old.setBigUint64(SIGACTION.handler, SIG_IGN, true);
      putBack();
    },
  };
}

/** Blocks every signal but `open` and the faults on this thread, until disposal restores the mask exactly. */
export function blockSignalsExcept(libc: Libc, open: readonly number[]): Disposable {
  const mask = new Uint8Array(SIGSET_BYTES).fill(0xff);
  for (const signal of [...open, ...FAULTS]) mask[(signal - 1) >> 3]! &= ~(1 << ((signal - 1) & 7));
  const old = new Uint8Array(SIGSET_BYTES);
  libc.pthread_sigmask(SIG_BLOCK, mask, old);
  return { [Symbol.dispose]: () => void libc.pthread_sigmask(SIG_SETMASK, old, mask) };
}
