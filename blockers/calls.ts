import type { Libc } from "../ffi/libc.ts";
import type { Bound } from "../ffi/runtime.ts";

// What only the scanner asks of libc. It asks for thousands of links and files: by FFI that takes half of the time of node:fs. Results
// are small, so that they need no bigint, which takes longer than some of the calls.
const symbols = {
  getxattr: [["buffer", "buffer", "buffer", "u32"], "i32"],
  open: [["buffer", "i32", "u32"], "i32"],
  openat: [["i32", "buffer", "i32", "u32"], "i32"],
  read: [["i32", "buffer", "u32"], "i32"],
  readlinkat: [["i32", "buffer", "buffer", "u32"], "i32"],
  recv: [["i32", "buffer", "u32", "i32"], "i32"],
  send: [["i32", "buffer", "u32", "i32"], "i32"],
  setns: [["i32", "i32"], "i32"],
  socket: [["i32", "i32", "i32"], "i32"],
} as const;

/** The calls of the scanner. */
export type ScanCalls = Bound<typeof symbols>;

let calls: ScanCalls | undefined;

/** The scanner's calls of libc, bound once for this thread. */
export function scanCalls(libc: Libc): ScanCalls {
  calls ??= libc.runtime.dlopen(libc.soname, symbols);
  return calls;
}
