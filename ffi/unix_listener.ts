import { constants, linkSync, renameSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { bytesOf, cString, encoder } from "./bytes.ts";
import { fileCalls } from "./files.ts";
import type { Libc } from "./libc.ts";
import type { Bound } from "./runtime.ts";
import { statAt, statOf } from "./stat.ts";
import { SystemCallError } from "./system_call_error.ts";

// Only this module needs them, so that an app without the socket strategy does not carry them.
const symbols = {
  connect: [["i32", "buffer", "u32"], "i32"],
  getsockopt: [["i32", "i32", "i32", "buffer", "buffer"], "i32"],
  socket: [["i32", "i32", "i32"], "i32"],
} as const;
let bound: Bound<typeof symbols> | undefined;

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SUN_PATH_BYTES = 108;
const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;
const ENOENT = 2;
/** Somebody listens, and has no room for more. */
const EAGAIN = 11;
/** Nobody listens. */
const ECONNREFUSED = 111;
const AT_FDCWD = -100;

/** struct sockaddr_un { sa_family_t sun_family; char sun_path[108]; } (sys/un.h) */
export function socketAddress(path: string): Uint8Array {
  const name = encoder.encode(path);
  if (name.length >= SUN_PATH_BYTES)
    throw new RangeError(`Cannot listen on ${path}: a socket's path has at most 107 bytes.`);
  const address = new Uint8Array(2 + SUN_PATH_BYTES);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}

/** Who is at the other end of a connected socket, or listens there: SO_PEERCRED of unix(7). */
export function peerOf(libc: Libc, fd: number): { readonly pid: number; readonly uid: number } {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  // struct ucred { pid_t pid; uid_t uid; gid_t gid; } (sys/socket.h)
  const credentials = new Uint32Array(3);
  bound.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, bytesOf(credentials), bytesOf(new Uint32Array([12])));
  return { pid: credentials[0] as number, uid: credentials[1] as number };
}

/**
 * The pid of the process that listens at `path`: 0 when it cannot be told, undefined when nobody does. Found by connecting.
 * Throws SystemCallError when that is not allowed, or another kind of socket is there.
 */
export function listenerAt(libc: Libc, path: string): number | undefined {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  const fd = libc.check(bound.socket(AF_UNIX, SOCK_STREAM | NONBLOCK_CLOEXEC, 0), "open a unix socket");
  try {
    const address = socketAddress(path);
    if (bound.connect(fd, address, address.length) === 0) return peerOf(libc, fd).pid;
    const errno = libc.errno();
    if (errno === EAGAIN) return 0;
    if (errno === ECONNREFUSED || errno === ENOENT) return undefined;
    throw new SystemCallError(`connect to ${path}`, errno);
  } finally {
    libc.close(fd);
  }
}

/**
 * Removes the socket at `path` that a process left when it ended: nobody listens there, and it is root's or ours. One that begins to
 * listen meanwhile gets its path back: so it is set aside first, looked at once more, and only then removed.
 * @throws {Error} when somebody listens there, or something else lies there.
 */
export function removeStaleSocket(libc: Libc, path: string): void {
  const place = libc.check(
    fileCalls(libc).open(cString(path), O_PATH_CLOEXEC | constants.O_NOFOLLOW, 0),
    `look at ${path}`,
  );
  try {
    const { type, uid, inode } = statOf(libc, place);
    if (type !== "socket" || (uid !== 0 && uid !== libc.geteuid()))
      throw new Error(`Cannot listen on ${path}: what lies there is not a socket of this user. Use another path.`);
    const here = `/proc/self/fd/${place}`;
    refuseListener(path, listenerAt(libc, here));
    const aside = join(dirname(path), `.criu-aware-${crypto.randomUUID()}`);
    renameSync(path, aside);
    const pid = statAt(libc, AT_FDCWD, cString(aside))?.inode === inode ? listenerAt(libc, here) : 0;
    // It stays gone when yet another one is there by now, as that one will see.
    if (pid !== undefined) linkSync(aside, path);
    unlinkSync(aside);
    refuseListener(path, pid);
  } finally {
    libc.close(place);
  }
}

function refuseListener(path: string, pid: number | undefined): void {
  if (pid === undefined) return;
  const who = pid === 0 ? "another process" : `process ${pid}`;
  throw new Error(`Cannot listen on ${path}: ${who} listens there. End it, or use another path.`);
}
