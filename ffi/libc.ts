/** The one table of libc functions, and errno. Every other module of this folder stands on it. */
import type { Bound, Runtime } from "./runtime.ts";
import { sonames } from "./sonames.ts";
import { SystemCallError } from "./system_call_error.ts";
import { UnsupportedPlatformError } from "./unsupported_platform.ts";

// Parameters as in the man pages, sections 2 and 3; what only some apps or drivers need stands in files.ts,
// inotify.ts and unix_socket.ts, beside its use. Variadic integer arguments (open, fcntl, syscall) are passed like
// fixed ones on Linux for x86-64 and aarch64.
const symbols = {
  __errno_location: [[], "usize"],
  clock_gettime: [["i32", "buffer"], "i32"],
  close: [["i32"], "i32"],
  dlsym: [["usize", "buffer"], "usize"],
  fcntl: [["i32", "i32", "u64"], "i32"],
  ftruncate: [["i32", "i64"], "i32"],
  geteuid: [[], "u32"],
  getpid: [[], "i32"],
  memfd_create: [["buffer", "u32"], "i32"],
  mmap: [["usize", "usize", "i32", "i32", "i32", "i64"], "usize"],
  mprotect: [["usize", "usize", "i32"], "i32"],
  munmap: [["usize", "usize"], "i32"],
  pipe2: [["buffer", "i32"], "i32"],
  poll: [["buffer", "u64", "i32"], "i32"],
  pthread_sigmask: [["i32", "buffer", "buffer"], "i32"],
  raise: [["i32"], "i32"],
  read: [["i32", "buffer", "usize"], "i64"],
  sigaction: [["i32", "buffer", "buffer"], "i32"],
  socketpair: [["i32", "i32", "i32", "buffer"], "i32"],
  syscall: [["i64", "i64", "i64", "i64", "i64", "i64", "i64"], "i64"],
} as const;

/** libc, bound for this thread. */
export interface Libc extends Bound<typeof symbols> {
  readonly runtime: Runtime;
  /** The name of the library. */
  readonly soname: string;
  /** errno of this thread; to be read directly after the call, before anything allocates. */
  errno(): number;
  /** Returns `result`, or throws SystemCallError when it is -1. `call` names the function and what it was asked for. */
  check<R extends number | bigint>(result: R, call: string): R;
}

let opened: Promise<Libc> | undefined;

/**
 * Opens libc by FFI, once for each JavaScript thread.
 * @throws {UnsupportedPlatformError} on anything but Linux with Bun or Deno, and in a version of these that is too old.
 */
export function openLibc(): Promise<Libc> {
  opened ??= open();
  return opened;
}

/** The same, and undefined where no process is ever dumped: on another system, or in another runtime. */
export async function openLibcIfAny(): Promise<Libc | undefined> {
  try {
    return await openLibc();
  } catch (error) {
    if (error instanceof UnsupportedPlatformError) return undefined;
    throw error;
  }
}

async function open(): Promise<Libc> {
  // A browser has no process.
  if (globalThis.process?.platform !== "linux") {
    throw new UnsupportedPlatformError(
      "Cannot call libc: CRIU exists on Linux only. Elsewhere, attach() of criu-aware/simulate plays checkpoints.",
    );
  }
  // The conditions `bun` and `deno` of package.json choose, and refuse any other runtime here; a bundle holds the one that it was made for.
  const { runtime } = await import("#runtime");
  requireVersion(runtime);
  const { soname, libc } = load(runtime);
  const errnoView = new Int32Array(runtime.view(libc.__errno_location(), 4));
  const errno = (): number => errnoView[0] as number;
  return {
    ...libc,
    runtime,
    soname,
    errno,
    check(result, call) {
      if (Number(result) !== -1) return result;
      throw new SystemCallError(call, errno());
    },
  };
}

/** @throws {UnsupportedPlatformError} when this version of the runtime is older than the oldest that works. */
export function requireVersion({ name, version, oldest }: Pick<Runtime, "name" | "version" | "oldest">): void {
  if (version.localeCompare(oldest, "en", { numeric: true }) >= 0) return;
  throw new UnsupportedPlatformError(`Cannot run in ${name} ${version}: criu-aware needs ${oldest} or newer.`);
}

function load(runtime: Runtime): { soname: string; libc: Bound<typeof symbols> } {
  let cause: unknown;
  for (const soname of sonames) {
    try {
      return { soname, libc: runtime.dlopen(soname, symbols) };
    } catch (error) {
      cause = error;
      // Deno says which flag is missing; of another name it would say the same.
      if ((error as Error).name === "NotCapable") break;
    }
  }
  throw new UnsupportedPlatformError(`Cannot open libc: ${(cause as Error).message}`, { cause });
}
