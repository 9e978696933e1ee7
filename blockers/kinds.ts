import type { CriuOption } from "../criu/options.ts";

/** The kind of a blocker. */
export type BlockerKind =
  | "tcp"
  | "tcp-pending"
  | "stdio"
  | "unix-stream"
  | "unix-datagram"
  | "unix-pending"
  | "socket"
  | "netlink"
  | "lock"
  | "deleted"
  | "unlinked"
  | "mount"
  | "device"
  | "gpu"
  | "tun"
  | "terminal"
  | "session"
  | "nested-namespace"
  | "user-namespace"
  | "not-init"
  | "outer-session"
  | "io-uring"
  | "kernel"
  | "pidfd"
  | "packet-pipe"
  | "secret"
  | "sysv-memory"
  | "traced"
  | "watch"
  | "watch-deleted"
  | "thread-file"
  | "process-file"
  | "named-memory"
  | "parasite";

/** How to get rid of a blocker. */
export interface Cure {
  /** Options of CRIU; any one of them is enough. Empty when only the app, or how it is started, can change it. */
  readonly options: readonly CriuOption[];
  /** What to do instead, in the app or around it. */
  readonly advice: string;
  /** What the options cost; missing when they cost nothing. */
  readonly caution?: string;
}

/** What is known of one kind. */
export interface KindRow extends Cure {
  /** False for a warning: CRIU dumps it, or may. */
  readonly blocks: boolean;
}

const withCaution = (caution: string, row: KindRow): KindRow => ({ ...row, caution });
const row = (advice: string, ...options: CriuOption[]): KindRow => ({ advice, options, blocks: true });
const warning = (advice: string, ...options: CriuOption[]): KindRow => ({ advice, options, blocks: false });

/**
 * The kinds of blockers and their cures. Each row but `gpu` was seen with CRIU 4.2.1 on Linux 6.18 (tests/criu/blockers*.test.ts and
 * failures.test.ts). Of some it is the restore that fails, and CRIU dumps them.
 */
export const kinds: Readonly<Record<BlockerKind, KindRow>> = {
  tcp: row(
    "register connections() of criu-aware/resources/connections, or close it before the checkpoint (fetch keeps connections open)",
    "tcpClose",
    "tcpEstablished",
  ),
  "tcp-pending": row("accept the waiting connections, or stop to listen before the checkpoint", "tcpSkipInFlight"),
  stdio: row(
    "send its standard streams to a file, a pipe of the shell or /dev/null: what Bun calls a pipe to a child is a socket",
    "external",
  ),
  "unix-stream": row(
    "register connections() of criu-aware/resources/connections, or close it before the checkpoint and connect again after it",
    "external",
  ),
  "unix-datagram": row("close it before the checkpoint and connect again after it", "extUnixSk", "external"),
  "unix-pending": row("accept the waiting connections, or close this one, before the checkpoint"),
  socket: row("close it before the checkpoint: CRIU knows no sockets of this family"),
  netlink: row("read what has come, or close it, before the checkpoint"),
  lock: withCaution(
    "an image is of no use once a file that the app has open for writing has another size",
    row(
      "close the file before the checkpoint (SQLite: close the database, or leave its WAL mode; Deno's own caches: criu-aware run, with DENO_DIR unset)",
      "fileLocks",
    ),
  ),
  deleted: row(
    "close or unmap the deleted file before the checkpoint; after an update of a program, restart it",
    "ghostLimit",
  ),
  unlinked: withCaution(
    "the image can be restored once, and not at all when the app goes on after the dump",
    row("close it, or leave the file its name, until after the checkpoint", "linkRemap"),
  ),
  mount: row("open it again by a path that the process sees; send output to a pipe or to /dev/null", "external"),
  device: row("close the device, and unmap it, before the checkpoint"),
  gpu: row("release the GPU before the checkpoint; name it in `ignore` where a plugin of CRIU's takes care of it"),
  tun: row("close it before the checkpoint, or run the app in a network namespace of its own"),
  terminal: withCaution(
    "the image can be restored from a terminal only",
    row("start the app without a terminal: criu-aware run", "shellJob", "external"),
  ),
  "nested-namespace": row("start it without (unshare, a sandbox), or end it before the checkpoint"),
  "user-namespace": row("start the app without a user namespace of its own"),
  "not-init": row(
    "dump the init of its pid namespace with all that it runs, or run criu-aware there: nsenter --pid --mount",
  ),
  session: row("start the app in a session of its own: criu-aware run, or setsid", "shellJob"),
  "outer-session": row("start the app in a session of its own: setsid, inside of the container"),
  "io-uring": row("close it before the checkpoint: CRIU knows no io_uring"),
  kernel: row("close it before the checkpoint: CRIU does not know this kind of descriptor"),
  pidfd: row("close it before the checkpoint: CRIU carries only those of processes that it dumps"),
  "packet-pipe": row("use a pipe without O_DIRECT"),
  secret: row("close and unmap the secret memory before the checkpoint"),
  "sysv-memory": row("detach it before the checkpoint, or run the app in an IPC namespace of its own"),
  traced: row("end the debugger or tracer before the checkpoint"),
  watch: row(
    "close the watch before the checkpoint, or name what it watches, or a directory above, to CRIU for its search",
    "irmapScanPath",
  ),
  "watch-deleted": row("close the watch, or the deleted file, before the checkpoint"),
  "thread-file": row("close it before the checkpoint: CRIU opens files again before it makes the threads"),
  "process-file": warning("close it before the checkpoint, or restore while a process has that pid"),
  "named-memory": warning("keep the file until the restore, and bring it along to another machine"),
  parasite: warning(
    "restart the app when you can: a CRIU that was killed left its code and 25 MB in it, which every image then has",
  ),
};

/** Something that a process holds that makes a dump fail, or the restore. */
export interface Blocker {
  /** Decides the cure: see {@linkcode kinds}. */
  readonly kind: BlockerKind;
  /** The process that holds it. */
  readonly pid: number;
  /** The descriptor; missing for a mapping and for what concerns the whole process. */
  readonly fd?: number;
  /** What it is, for people: safe to print. */
  readonly what: string;
  /**
   * The other side: a path, an address, a process; missing when there is none, or it cannot be found. It is exact, for use as a path or
   * as a value of `external`: `describeBlocker` prints it safely.
   */
  readonly who?: string;
  /** How to get rid of it. */
  readonly cure: Cure;
  /** False for a warning, and for what an option of the driver cures. */
  readonly blocking: boolean;
}
