import { unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { type DirectoryLock, lockDirectory } from "./directory_lock.ts";
import type { Libc } from "./libc.ts";
import { createPoll } from "./poll.ts";
import { listenerAt, removeStaleSocket } from "./stale_socket.ts";
import {
  MSG_DONTWAIT_NOSIGNAL,
  NONBLOCK_CLOEXEC,
  openUnixSocket,
  peerCredentials,
  type SocketCalls,
  socketAddress,
  socketCalls,
} from "./unix_socket.ts";

const O_ASYNC = 0o20000;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETSIG = 10;
const PRIVATE = 0o177;
const EADDRINUSE = 98;
const FIRST_WAIT_MS = 1;
const LOCK_MS = 1000;
const LOCK_LOOK_MS = 2;
const buffer = new Uint8Array(16_384);

/** A unix socket that listens: unix(7). Only its owner and root can connect (mode 0600). Disposal removes its path. */
export interface UnixListener extends Disposable {
  readonly fd: number;
  /** The next connection; undefined when there is none now. */
  accept(): UnixConnection | undefined;
}

/** One accepted connection. Nothing on it blocks. */
export interface UnixConnection extends Disposable {
  /** Who connected: SO_PEERCRED. */
  readonly uid: number;
  /** What has come since; undefined when nothing has, an empty array after the end. The first call waits 1 ms, if it may. */
  receive(mayWait: boolean): Uint8Array | undefined;
  /** Sends, and returns whether the socket took it all at once: at least 64 KiB on a fresh connection. */
  send(bytes: Uint8Array): boolean;
}

/**
 * Listens on `path`. The kernel raises `signal` when a connection, or data on one, arrives (F_SETSIG of fcntl(2)), so that
 * no runtime has to watch these descriptors. A socket that a process left there when it ended is replaced.
 * @throws {Error} when somebody listens there, or something else lies there.
 * @throws {SystemCallError} for example EACCES.
 */
export function listenUnix(libc: Libc, path: string, signal: number): UnixListener {
  const calls = socketCalls(libc);
  const fd = openUnixSocket(libc);
  const accept = (): number => calls.accept4(fd, 0, 0, NONBLOCK_CLOEXEC);
  const old = calls.umask(PRIVATE);
  try {
    const address = socketAddress(path);
    // Between bind(2) and listen(2) a socket looks like one that nobody listens on: one process at a time, of those that start.
    using lock = waitForLock(libc, dirname(path));
    const isTaken = calls.bind(fd, address, address.length) < 0;
    if (isTaken && libc.errno() === EADDRINUSE && lock) removeStaleSocket(libc, path);
    if (isTaken) libc.check(calls.bind(fd, address, address.length), `listen on ${path}`);
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
      const connection = accept();
      return connection < 0 ? undefined : createConnection(libc, calls, connection, signal);
    },
    [Symbol.dispose](): void {
      // While it listens nobody else can have taken the path; a copy of this process from the same image can, without asking.
      if (isOwn(libc, path)) unlinkSync(path);
      libc.close(fd);
    },
  };
}

/** Undefined when somebody keeps it (whoever may read a directory can lock it), and where there is none to be had. */
function waitForLock(libc: Libc, directory: string): DirectoryLock | undefined {
  const pause = createPoll(libc, []);
  try {
    for (const end = performance.now() + LOCK_MS; ; pause(LOCK_LOOK_MS)) {
      const lock = lockDirectory(libc, directory);
      if (lock || performance.now() > end) return lock;
    }
  } catch {
    return undefined;
  }
}

function isOwn(libc: Libc, path: string): boolean {
  try {
    return listenerAt(libc, path) === libc.getpid();
  } catch {
    return false;
  }
}

function createConnection(libc: Libc, calls: SocketCalls, fd: number, signal: number): UnixConnection {
  const poll = createPoll(libc, [fd]);
  const receive = (): number => Number(calls.recv(fd, buffer, buffer.length, MSG_DONTWAIT_NOSIGNAL));
  let open = true;
  let raises = false;
  return {
    uid: peerCredentials(libc, fd).uid,
    receive(mayWait) {
      let bytes = receive();
      if (bytes < 0 && !raises && mayWait) {
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
    send: (bytes) => open && Number(calls.send(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL)) === bytes.length,
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
