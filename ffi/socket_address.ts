import { bytesOf, cString, textOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import { printable } from "./printable.ts";
import type { Bound } from "./runtime.ts";
import { socketAddress } from "./unix_socket.ts";

// Only this module needs them.
const symbols = {
  getpeername: [["i32", "buffer", "buffer"], "i32"],
  getsockname: [["i32", "buffer", "buffer"], "i32"],
  inet_ntop: [["i32", "buffer", "buffer", "u32"], "usize"],
  inet_pton: [["i32", "buffer", "buffer"], "i32"],
} as const;
let bound: Bound<typeof symbols> | undefined;

// sys/socket.h
const families = { 1: "unix", 2: "inet4", 10: "inet6" } as const;
const AF_INET = 2;
const AF_INET6 = 10;
/** struct sockaddr_storage. */
const LONGEST = 128;
// Made once: a new buffer for each call takes longer than the call.
const buffer = new Uint8Array(LONGEST);
const length = new Uint32Array(1);
const lengthBytes = bytesOf(length);
const host = new Uint8Array(16);
const text = new Uint8Array(64);

/** The family of an address, in the words of CRaC. */
export type Family = "inet4" | "inet6" | "unix";

/** One end of a socket. */
export interface SocketAddress {
  /** What kind of address it is. */
  readonly family: Family;
  /** An address of the Internet as text: `127.0.0.1`, `::1`. */
  readonly address?: string;
  /** Of an address of the Internet. */
  readonly port?: number;
  /** A path, or an abstract name after an `@`; "" when it has none. */
  readonly path?: string;
  /** As the kernel gives it, for bind(2). */
  readonly bytes: Uint8Array;
}

/** What a socket is bound to; undefined when it is no socket, or one of another family. */
export function localAddress(libc: Libc, fd: number): SocketAddress | undefined {
  return nameOf(libc, calls(libc).getsockname, fd);
}

/** What a socket is connected to; undefined when it is not. */
export function remoteAddress(libc: Libc, fd: number): SocketAddress | undefined {
  return nameOf(libc, calls(libc).getpeername, fd);
}

/** Another address or port, or another path, of the same family. @throws {TypeError} when it is none. */
export function changeAddress(
  libc: Libc,
  from: SocketAddress,
  to: Partial<Pick<SocketAddress, "address" | "port" | "path">>,
): Uint8Array {
  if (from.family === "unix") return to.path === undefined ? from.bytes : socketAddress(to.path);
  const { address = from.address as string, port = from.port as number } = to;
  const bytes = from.bytes.slice();
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new TypeError(`a port is a number from 0 to 65535, not ${typeof port === "number" ? port : typeof port}`);
  new DataView(bytes.buffer).setUint16(2, port);
  const isSix = from.family === "inet6";
  // A socket for both families takes the addresses of the other one so.
  const text = typeof address === "string" ? address : "";
  const written = isSix && /^\d+(\.\d+){3}$/.test(text) ? `::ffff:${text}` : text;
  const target = isSix ? bytes.subarray(8, 24) : bytes.subarray(4, 8);
  // What follows a NUL would not count.
  if (text.includes("\0") || calls(libc).inet_pton(isSix ? AF_INET6 : AF_INET, cString(written), target) !== 1)
    throw new TypeError(
      `${printable(JSON.stringify(text || typeof address))} is no address of ${isSix ? "IPv6" : "IPv4"}`,
    );
  return bytes;
}

/** `127.0.0.1:80`, `[::1]:80`, a path: for people. */
export function formatAddress({ family, address, port, path }: SocketAddress): string {
  if (family === "unix") return path || "no name";
  return family === "inet6" ? `[${address}]:${port}` : `${address}:${port}`;
}

type Call = Bound<typeof symbols>["getsockname"];

function nameOf(libc: Libc, call: Call, fd: number): SocketAddress | undefined {
  length[0] = LONGEST;
  if (call(fd, buffer, lengthBytes) < 0) return undefined;
  return parse(libc, buffer.slice(0, Math.min(length[0] as number, buffer.length)));
}

function parse(libc: Libc, bytes: Uint8Array): SocketAddress | undefined {
  const view = new DataView(bytes.buffer);
  const number = bytes.length < 2 ? 0 : view.getUint16(0, true);
  const family = families[number as keyof typeof families];
  if (!family) return undefined;
  if (family === "unix") return { family, path: pathOf(bytes.subarray(2)), bytes };
  host.set(family === "inet6" ? bytes.subarray(8, 24) : bytes.subarray(4, 8));
  calls(libc).inet_ntop(number, host, text, text.length);
  return { family, address: textOf(text.subarray(0, text.indexOf(0))), port: view.getUint16(2), bytes };
}

function pathOf(bytes: Uint8Array): string {
  const path = textOf(bytes);
  return path.startsWith("\0") ? `@${path.slice(1)}` : path.replace(/\0.*$/s, "");
}

function calls(libc: Libc): Bound<typeof symbols> {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  return bound;
}
