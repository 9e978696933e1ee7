import type { Libc } from "./libc.ts";
import type { Bound } from "./runtime.ts";

// Apart from the table of libc.ts, so that an app that only takes notices does not carry them.
const symbols = {
  flock: [["i32", "i32"], "i32"],
  lseek: [["i32", "i64", "i32"], "i64"],
  open: [["buffer", "i32", "u32"], "i32"],
  shm_open: [["buffer", "i32", "u32"], "i32"],
  shm_unlink: [["buffer"], "i32"],
  write: [["i32", "buffer", "usize"], "i64"],
} as const;

/** Calls on files and on named shared memory. */
export type FileCalls = Bound<typeof symbols>;

let calls: FileCalls | undefined;

/** The file calls of libc, bound once for this thread. */
export function fileCalls(libc: Libc): FileCalls {
  calls ??= libc.runtime.dlopen(libc.soname, symbols);
  return calls;
}
