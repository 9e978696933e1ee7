import { type Libc, openLibc } from "../../ffi/libc.ts";
import type { Bound } from "../../ffi/runtime.ts";

// What an app may have open besides files: only tests open it by hand.
const symbols = {
  connect: [["i32", "buffer", "u32"], "i32"],
  bind: [["i32", "buffer", "u32"], "i32"],
  flock: [["i32", "i32"], "i32"],
  epoll_create1: [["i32"], "i32"],
  eventfd: [["u32", "i32"], "i32"],
  getsockname: [["i32", "buffer", "buffer"], "i32"],
  inotify_init1: [["i32"], "i32"],
  listen: [["i32", "i32"], "i32"],
  mkfifo: [["buffer", "u32"], "i32"],
  ptsname_r: [["i32", "buffer", "usize"], "i32"],
  unlockpt: [["i32"], "i32"],
  open: [["buffer", "i32", "u32"], "i32"],
  signalfd: [["i32", "buffer", "i32"], "i32"],
  shm_open: [["buffer", "i32", "u32"], "i32"],
  shm_unlink: [["buffer"], "i32"],
  shmat: [["i32", "usize", "i32"], "usize"],
  shmctl: [["i32", "i32", "usize"], "i32"],
  shmget: [["i32", "usize", "i32"], "i32"],
  socket: [["i32", "i32", "i32"], "i32"],
  timerfd_create: [["i32", "i32"], "i32"],
  write: [["i32", "buffer", "usize"], "i64"],
} as const;

/** Calls of libc by which a test holds things. */
export type BlockedCalls = Libc & { readonly calls: Bound<typeof symbols> };

export async function openBlockedCalls(): Promise<BlockedCalls> {
  const libc = await openLibc();
  return { ...libc, calls: libc.runtime.dlopen(libc.soname, symbols) };
}

/** struct sockaddr_un; a path that begins with NUL is abstract. */
export function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  const address = new Uint8Array(2 + name.length + (path.startsWith("\0") ? 0 : 1));
  address[0] = 1;
  address.set(name, 2);
  return address;
}
