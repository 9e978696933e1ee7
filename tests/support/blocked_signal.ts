import type { Libc } from "../../ffi/libc.ts";

/** Blocks one signal on this thread until disposal. */
export function blockedSignal(libc: Libc, signal: number): Disposable {
  const set = new Uint8Array(128);
  set[(signal - 1) >> 3] = 1 << ((signal - 1) & 7);
  libc.pthread_sigmask(0, set, new Uint8Array(128));
  return { [Symbol.dispose]: () => void libc.pthread_sigmask(1, set, new Uint8Array(128)) };
}
