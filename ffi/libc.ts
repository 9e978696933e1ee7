/** The one table of libc functions, and errno. Every other module of this folder stands on it. */
import type { Bound, Runtime } from "./runtime.ts";
import { SystemCallError } from "./system_call_error.ts";

// Parameters as in the man pages, sections 2 and 3. Variadic integer arguments (open, fcntl, syscall) are passed like
// fixed ones on Linux for x86-64 and aarch64.
const symbols = {
  __errno_location: [[], "usize"],
  accept4: [["i32", /* addr */ "usize", /* len */ "usize", "i32"], "i32"],
  bind: [["i32", "buffer", "u32"], "i32"],
  clock_gettime: [["i32", "buffer"], "i32"],
  close: [["i32"], "i32"],
  connect: [["i32", "buffer", "u32"], "i32"],
  dlsym: [["usize", "buffer"], "usize"],
  eventfd: [["u32", "i32"], "i32"],
  eventfd_write: [["i32", "u64"], "i32"],
  fcntl: [["i32", "i32", "u64"], "i32"],
  flock: [["i32", "i32"], "i32"],
  ftruncate: [["i32", "i64"], "i32"],
  geteuid: [[], "u32"],
  getpid: [[], "i32"],
  getsockopt: [["i32", "i32", "i32", "buffer", "buffer"], "i32"],
  inotify_add_watch: [["i32", "buffer", "u32"], "i32"],
  inotify_init1: [["i32"], "i32"],
  kill: [["i32", "i32"], "i32"],
  listen: [["i32", "i32"], "i32"],
  lseek: [["i32", "i64", "i32"], "i64"],
  madvise: [["usize", "usize", "i32"], "i32"],
  memfd_create: [["buffer", "u32"], "i32"],
  mmap: [["usize", "usize", "i32", "i32", "i32", "i64"], "usize"],
  mprotect: [["usize", "usize", "i32"], "i32"],
  munmap: [["usize", "usize"], "i32"],
  open: [["buffer", "i32", "u32"], "i32"],
  pipe2: [["buffer", "i32"], "i32"],
  poll: [["buffer", "u64", "i32"], "i32"],
  pthread_sigmask: [["i32", "buffer", "buffer"], "i32"],
  read: [["i32", "buffer", "usize"], "i64"],
  recv: [["i32", "buffer", "usize", "i32"], "i64"],
  send: [["i32", "buffer", "usize", "i32"], "i64"],
  shm_open: [["buffer", "i32", "u32"], "i32"],
  shm_unlink: [["buffer"], "i32"],
  sigaction: [["i32", "buffer", "buffer"], "i32"],
  socket: [["i32", "i32", "i32"], "i32"],
  socketpair: [["i32", "i32", "i32", "buffer"], "i32"],
  syscall: [["i64", "i64", "i64", "i64", "i64", "i64", "i64"], "i64"],
  umask: [["u32"], "u32"],
  write: [["i32", "buffer", "usize"], "i64"],
} as const;

/** libc, bound for this thread. */
export interface Libc extends Bound<typeof symbols> {
  readonly runtime: Runtime;
  /** errno of this thread; to be read directly after the call, before anything allocates. */
  errno(): number;
  /** Returns `result`, or throws SystemCallError when it is -1. `call` names the function and what it was asked for. */
  check<R extends number | bigint>(result: R, call: string): R;
}

let opened: Promise<Libc> | undefined;

/**
 * Opens libc by FFI, once for each JavaScript thread.
 * @throws {UnsupportedPlatformError} on anything but Linux with Bun or Deno.
 */
export function openLibc(): Promise<Libc> {
  opened ??= open();
  return opened;
}

/** This machine, or this runtime, cannot do what the library needs. */
export class UnsupportedPlatformError extends Error {
  override readonly name = "UnsupportedPlatformError";
}

async function open(): Promise<Libc> {
  const { Bun, Deno, process } = globalThis as {
    Bun?: unknown;
    Deno?: unknown;
    process?: { platform: string; arch: string };
  };
  if (!Bun && !Deno) throw new UnsupportedPlatformError("Cannot call libc: this runtime is neither Bun nor Deno.");
  if (process?.platform !== "linux") {
    throw new UnsupportedPlatformError("Cannot call libc: CRIU and its notices exist on Linux only.");
  }
  const { runtime } = Bun ? await import("./bun.ts") : await import("./deno.ts");
  const muslArch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const libc = runtime.dlopen(["libc.so.6", `libc.musl-${muslArch}.so.1`], symbols);
  const errnoView = new Int32Array(runtime.view(libc.__errno_location(), 4));
  const errno = (): number => errnoView[0] as number;
  return {
    ...libc,
    runtime,
    errno,
    check(result, call) {
      if (Number(result) !== -1) return result;
      throw new SystemCallError(call, errno());
    },
  };
}
