import { bytesOf, encoder } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import { createPoll } from "./poll.ts";
import type { Bound } from "./runtime.ts";

// Only this module needs them, so that an app without the socket strategy does not carry them.
const symbols = {
  accept4: [["i32", /* addr */ "usize", /* len */ "usize", "i32"], "i32"],
  bind: [["i32", "buffer", "u32"], "i32"],
  connect: [["i32", "buffer", "u32"], "i32"],
  getsockopt: [["i32", "i32", "i32", "buffer", "buffer"], "i32"],
  listen: [["i32", "i32"], "i32"],
  recv: [["i32", "buffer", "usize", "i32"], "i64"],
  send: [["i32", "buffer", "usize", "i32"], "i64"],
  socket: [["i32", "i32", "i32"], "i32"],
  umask: [["u32"], "u32"],
} as const;
type Calls = Bound<typeof symbols>;
let bound: Calls | undefined;

/** The socket calls of libc, bound once for this thread. */
export function socketCalls(libc: Libc): Calls {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  return bound;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const O_ASYNC = 0o20000;
export const SOL_SOCKET = 1;
export const SO_PEERCRED = 17;
export const MSG_DONTWAIT_NOSIGNAL: number = 0x40 | 0x4000;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETSIG = 10;
const PRIVATE = 0o177;
const SUN_PATH_BYTES = 108;
const FIRST_WAIT_MS = 1;
const buffer = new Uint8Array(16_384);

/** A unix socket that listens: unix(7). Only its owner and root can connect (mode 0600). */
export interface UnixListener extends Disposable {
  readonly fd: number;
  /** The next connection; undefined when there is none now. */
  accept(): UnixConnection | undefined;
}

/** One accepted connection. Nothing on it blocks. */
export interface UnixConnection extends Disposable {
  /** Who connected: SO_PEERCRED. */
  readonly uid: number;
  /** What has come since; undefined when nothing has, an empty array after the end. The first call may wait 1 ms. */
  receive(): Uint8Array | undefined;
  /** Sends as much as the socket takes at once: at least 64 KiB on a fresh connection. */
  send(bytes: Uint8Array): void;
}

/**
 * Listens on `path`. The kernel raises `signal` when a connection, or data on one, arrives (F_SETSIG of fcntl(2)), so that
 * no runtime has to watch these descriptors. Throws SystemCallError, for example EADDRINUSE.
 */
export function listenUnix(libc: Libc, path: string, signal: number): UnixListener {
  const calls = socketCalls(libc);
  const fd = openUnixSocket(libc);
  const old = calls.umask(PRIVATE);
  try {
    const address = socketAddress(path);
    libc.check(calls.bind(fd, address, address.length), `listen on ${path}`);
    libc.check(calls.listen(fd, 64), `listen on ${path}`);
    raise(libc, fd, signal);
  } catch (error) {
    libc.close(fd);
    throw error;
  } finally {
    calls.umask(old);
  }
  return {
    fd,
    accept() {
      const connection = calls.accept4(fd, 0, 0, NONBLOCK_CLOEXEC);
      if (connection < 0) return undefined;
      return createConnection(libc, calls, connection, signal);
    },
    [Symbol.dispose]: () => void libc.close(fd),
  };
}

/** A unix stream socket that never blocks. */
export function openUnixSocket(libc: Libc): number {
  return libc.check(socketCalls(libc).socket(AF_UNIX, SOCK_STREAM | NONBLOCK_CLOEXEC, 0), "open a unix socket");
}

function createConnection(libc: Libc, calls: Calls, fd: number, signal: number): UnixConnection {
  // struct ucred { pid_t pid; uid_t uid; gid_t gid; } (sys/socket.h)
  const credentials = new Uint32Array(3);
  calls.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, bytesOf(credentials), bytesOf(new Uint32Array([12])));
  const poll = createPoll(libc, [fd]);
  const receive = (): number => Number(calls.recv(fd, buffer, buffer.length, MSG_DONTWAIT_NOSIGNAL));
  let open = true;
  let raises = false;
  return {
    uid: credentials[1] as number,
    receive() {
      let bytes = receive();
      if (bytes < 0 && !raises) {
        // Who connects has something to say: most often it is there within this time, and no second signal is needed.
        poll(FIRST_WAIT_MS);
        bytes = receive();
      }
      if (bytes < 0 && !raises) {
        raises = true;
        raise(libc, fd, signal);
        // It may have come in between.
        bytes = receive();
      }
      return bytes < 0 ? undefined : buffer.slice(0, bytes);
    },
    send: (bytes) => void calls.send(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL),
    [Symbol.dispose](): void {
      if (open) libc.close(fd);
      open = false;
    },
  };
}

function raise(libc: Libc, fd: number, signal: number): void {
  libc.fcntl(fd, F_SETOWN, libc.getpid());
  libc.fcntl(fd, F_SETSIG, signal);
  libc.check(libc.fcntl(fd, F_SETFL, O_ASYNC | 0o4000), "make a socket raise a signal");
}

/** struct sockaddr_un { sa_family_t sun_family; char sun_path[108]; } (sys/un.h) */
export function socketAddress(path: string): Uint8Array {
  const name = encoder.encode(path);
  if (name.length >= SUN_PATH_BYTES) throw new RangeError(`Cannot use ${path}: a socket's path has at most 107 bytes.`);
  const address = new Uint8Array(2 + SUN_PATH_BYTES);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}
