import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import type { Bound } from "./runtime.ts";
import { statOf } from "./stat.ts";
import { NONBLOCK_CLOEXEC, SOL_SOCKET, socketCalls } from "./unix_socket.ts";

// Only this module needs them.
const symbols = {
  dup3: [["i32", "i32", "i32"], "i32"],
  setsockopt: [["i32", "i32", "i32", "buffer", "u32"], "i32"],
  shutdown: [["i32", "i32"], "i32"],
} as const;
let bound: Bound<typeof symbols> | undefined;

// sys/socket.h, asm-generic/socket.h
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const O_CLOEXEC = 0o2000000;
const F_GETFD = 1;
const F_GETFL = 3;
const FD_CLOEXEC = 1;
const F_DUPFD_CLOEXEC = 1030;
const SHUT_RD = 0;
const SHUT_RDWR = 2;
const SO_REUSEADDR = 2;
const SO_TYPE = 3;
const SO_REUSEPORT = 15;
const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const AF_INET6 = 10;
// Made once: a new buffer for each call takes longer than the call.
const value = new Int32Array(1);
const valueBytes = bytesOf(value);
const length = new Uint32Array(1);
const lengthBytes = bytesOf(length);

/** A stream socket, and whether it listens; undefined for anything else. */
export function streamSocket(libc: Libc, fd: number): { readonly listens: boolean } | undefined {
  return option(libc, fd, SOL_SOCKET, SO_TYPE) === SOCK_STREAM
    ? { listens: option(libc, fd, SOL_SOCKET, SO_ACCEPTCONN) === 1 }
    : undefined;
}

/** Whether two descriptors lead to one socket; false when one of them is closed. */
export function isSameSocket(libc: Libc, fd: number, other: number): boolean {
  try {
    return statOf(libc, fd).inode === statOf(libc, other).inode;
  } catch {
    return false;
  }
}

/** The flags of an open file: F_GETFL of fcntl(2). */
export function fileFlags(libc: Libc, fd: number): number {
  return libc.fcntl(fd, F_GETFL, 0);
}

/** A socket whose other end is closed: whoever reads it finds the end. Throws SystemCallError. */
export function openEnded(libc: Libc): number {
  const pair = new Int32Array(2);
  libc.check(libc.socketpair(AF_UNIX, SOCK_STREAM | NONBLOCK_CLOEXEC, 0, bytesOf(pair)), "open a pair of sockets");
  libc.close(pair[1] as number);
  return pair[0] as number;
}

/** A new socket, not bound, that will do for one that listens: of the same family, with the options that decide what it may bind to. */
export function openLike(libc: Libc, fd: number): number {
  const domain = option(libc, fd, SOL_SOCKET, SO_DOMAIN) ?? AF_UNIX;
  const made = libc.check(socketCalls(libc).socket(domain, SOCK_STREAM | NONBLOCK_CLOEXEC, 0), "open a socket");
  const set = (level: number, name: number, value: number): void =>
    void calls(libc).setsockopt(made, level, name, bytesOf(new Int32Array([value])), 4);
  if (domain === AF_UNIX) return made;
  set(SOL_SOCKET, SO_REUSEADDR, 1);
  set(SOL_SOCKET, SO_REUSEPORT, option(libc, fd, SOL_SOCKET, SO_REUSEPORT) ?? 0);
  if (domain === AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY, option(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY) ?? 0);
  return made;
}

/** Puts what is open as `from` in the place of `to` as well, with the flag to close at exec that was there. Throws SystemCallError. */
export function replace(libc: Libc, from: number, to: number): void {
  const flags = libc.fcntl(to, F_GETFD, 0) & FD_CLOEXEC ? O_CLOEXEC : 0;
  libc.check(calls(libc).dup3(from, to, flags), `replace descriptor ${to}`);
}

/** Another descriptor of the same open file. Throws SystemCallError. */
export function duplicate(libc: Libc, fd: number): number {
  return libc.check(libc.fcntl(fd, F_DUPFD_CLOEXEC, 3), `duplicate descriptor ${fd}`);
}

/** Ends a connection in both directions: shutdown(2). One that is over is no error. */
export function shutConnection(libc: Libc, fd: number): void {
  calls(libc).shutdown(fd, SHUT_RDWR);
}

/** A TCP socket no longer listens; who waited to be accepted is hung up on. It keeps its address only when that was asked for by its port. */
export function stopListening(libc: Libc, fd: number): void {
  libc.check(calls(libc).shutdown(fd, SHUT_RD), `stop to listen on descriptor ${fd}`);
}

function option(libc: Libc, fd: number, level: number, name: number): number | undefined {
  length[0] = value.byteLength;
  const result = socketCalls(libc).getsockopt(fd, level, name, valueBytes, lengthBytes);
  return result < 0 ? undefined : value[0];
}

function calls(libc: Libc): Bound<typeof symbols> {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  return bound;
}
