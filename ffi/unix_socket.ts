import { bytesOf, encoder } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import type { Bound } from "./runtime.ts";

// Apart from the table of libc.ts, so that an app without the socket strategy does not carry them.
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

/** Calls on sockets. */
export type SocketCalls = Bound<typeof symbols>;
let bound: SocketCalls | undefined;

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SUN_PATH_BYTES = 108;
const SO_PEERCRED = 17;

export const SOL_SOCKET = 1;
export const NONBLOCK_CLOEXEC: number = 0o4000 | 0o2000000;
export const MSG_DONTWAIT_NOSIGNAL: number = 0x40 | 0x4000;
/** From connect(2): somebody listens, and has no room for more; nobody listens. */
export const EAGAIN = 11;
export const ECONNREFUSED = 111;

/** The socket calls of libc, bound once for this thread. */
export function socketCalls(libc: Libc): SocketCalls {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  return bound;
}

/** A unix stream socket that never blocks. Throws SystemCallError. */
export function openUnixSocket(libc: Libc): number {
  return libc.check(socketCalls(libc).socket(AF_UNIX, SOCK_STREAM | NONBLOCK_CLOEXEC, 0), "open a unix socket");
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

/** Who is at the other end of a connected socket, or listens there: SO_PEERCRED of unix(7). Throws SystemCallError. */
export function peerCredentials(libc: Libc, fd: number): { readonly pid: number; readonly uid: number } {
  // struct ucred { pid_t pid; uid_t uid; gid_t gid; } (sys/socket.h)
  const credentials = new Uint32Array(3);
  const result = socketCalls(libc).getsockopt(
    fd,
    SOL_SOCKET,
    SO_PEERCRED,
    bytesOf(credentials),
    bytesOf(new Uint32Array([credentials.byteLength])),
  );
  libc.check(result, "find out who is at the other end of a socket");
  return { pid: credentials[0] as number, uid: credentials[1] as number };
}
