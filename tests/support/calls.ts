import { type Libc, openLibc } from "../../ffi/libc.ts";
import type { Bound } from "../../ffi/runtime.ts";

// What tests ask of libc, and the library does not.
const symbols = {
  eventfd: [["u32", "i32"], "i32"],
  eventfd_write: [["i32", "u64"], "i32"],
  kill: [["i32", "i32"], "i32"],
  write: [["i32", "buffer", "usize"], "i64"],
} as const;

/** Calls of libc that only tests need. */
export type Calls = Bound<typeof symbols>;

export function bindCalls(libc: Libc): Calls {
  return libc.runtime.dlopen(libc.soname, symbols);
}

/** Sends any signal to this process, real-time ones too, which the runtimes cannot. */
export async function signalSelf(signal: number): Promise<void> {
  const libc = await openLibc();
  libc.check(bindCalls(libc).kill(libc.getpid(), signal), `send signal ${signal} to myself`);
}
