import { readlinkSync } from "node:fs";
import { cString } from "../ffi/bytes.ts";
import type { Libc } from "../ffi/libc.ts";
import { type ScanCalls, scanCalls } from "./calls.ts";

// /proc/net/unix does not tell who is connected to whom. sock_diag(7) does, and CRIU asks it as well.
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_SOCK_DIAG = 4;
const CLONE_NEWNET = 0x40000000;
const O_CLOEXEC = 0o2000000;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST_DUMP = 0x301;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const UDIAG_SHOW_NAME_PEER_ICONS = 1 | 4 | 8;
const attributes = { name: 0, peer: 2, icons: 3, shutdown: 6 } as const;
const HEADER_BYTES = 16;
const MESSAGE_BYTES = 16;

/** The state of a unix socket, in the kernel's numbers for TCP. */
const states: Readonly<Record<number, UnixSocket["state"]>> = { 1: "connected", 7: "closed", 10: "listening" };
const socketTypes: Readonly<Record<number, UnixSocket["type"]>> = { 1: "stream", 2: "datagram", 5: "seqpacket" };

/** A unix socket, as sock_diag(7) tells. */
export interface UnixSocket {
  readonly inode: number;
  readonly type: "stream" | "datagram" | "seqpacket" | "other";
  readonly state: "connected" | "closed" | "listening" | "other";
  /** Its path, or its abstract name after an `@`; "" when it has none. */
  readonly name: string;
  /** The inode of the socket at the other end; 0 when there is none, or nobody has accepted yet. */
  readonly peer: number;
  /** Connections that wait to be accepted. */
  readonly pending: readonly number[];
  /** Both directions are shut: the other end is closed. */
  readonly isShut: boolean;
}

/**
 * All unix sockets of the network namespace of a process, by inode; undefined when the kernel does not tell (no CONFIG_UNIX_DIAG, or
 * another namespace without the right to enter it).
 */
export function readUnixSockets(libc: Libc, pid: number, isOwnNamespace: boolean): Map<number, UnixSocket> | undefined {
  const calls = scanCalls(libc);
  const diag = isOwnNamespace ? openDiag(calls) : openDiagIn(libc, calls, pid);
  if (diag < 0) return undefined;
  try {
    const request = new DataView(new ArrayBuffer(HEADER_BYTES + 24));
    request.setUint32(0, request.byteLength, true);
    request.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
    request.setUint16(6, NLM_F_REQUEST_DUMP, true);
    // struct unix_diag_req (linux/unix_diag.h): family, protocol, states, inode, what to show, cookie.
    request.setUint8(16, 1);
    request.setUint32(20, 0xffffffff, true);
    request.setUint32(28, UDIAG_SHOW_NAME_PEER_ICONS, true);
    if (calls.send(diag, new Uint8Array(request.buffer), request.byteLength, 0) < 0) return undefined;
    const found = new Map<number, UnixSocket>();
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const length = calls.recv(diag, buffer, buffer.length, 0);
      if (length <= 0) return undefined;
      const { sockets, end } = parseUnixSockets(buffer.subarray(0, length));
      for (const socket of sockets) found.set(socket.inode, socket);
      if (end) return end === "done" ? found : undefined;
    }
  } finally {
    libc.close(diag);
  }
}

/** Reads one answer: its sockets, and whether it is the last one. */
export function parseUnixSockets(bytes: Uint8Array): { sockets: UnixSocket[]; end?: "done" | "error" } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sockets: UnixSocket[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    if (type === NLMSG_DONE) return { sockets, end: "done" };
    // Also an answer that is shorter than it says.
    if (type === NLMSG_ERROR || length < HEADER_BYTES + MESSAGE_BYTES || at + length > bytes.length) {
      return { sockets, end: "error" };
    }
    sockets.push(parseSocket(view, at + HEADER_BYTES, at + length));
    at += align(length);
  }
  return { sockets };
}

function parseSocket(view: DataView, start: number, end: number): UnixSocket {
  // struct unix_diag_msg: family, type, state, padding (one byte each), inode, cookie. Attributes follow.
  let name = "";
  let peer = 0;
  let isShut = false;
  const pending: number[] = [];
  for (let at = start + MESSAGE_BYTES; at + 4 <= end; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > end) break;
    const type = view.getUint16(at + 2, true);
    if (type === attributes.name) name = decodeName(new Uint8Array(view.buffer, view.byteOffset + at + 4, length - 4));
    if (type === attributes.peer && length >= 8) peer = view.getUint32(at + 4, true);
    if (type === attributes.shutdown && length >= 5) isShut = view.getUint8(at + 4) === 3;
    if (type === attributes.icons)
      for (let icon = at + 4; icon + 4 <= at + length; icon += 4) pending.push(view.getUint32(icon, true));
    at += align(length);
  }
  return {
    inode: view.getUint32(start + 4, true),
    type: socketTypes[view.getUint8(start + 1)] ?? "other",
    state: states[view.getUint8(start + 2)] ?? "other",
    name,
    peer,
    pending,
    isShut,
  };
}

function decodeName(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  return text.startsWith("\0") ? `@${text.slice(1)}` : text.replace(/\0+$/, "");
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function openDiag(calls: ScanCalls): number {
  return calls.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_SOCK_DIAG);
}

/** A socket belongs to the namespace that its thread is in when it is made: this thread goes there and back, nothing runs meanwhile. */
function openDiagIn(libc: Libc, calls: ScanCalls, pid: number): number {
  const home = calls.open(cString("/proc/thread-self/ns/net"), O_CLOEXEC, 0);
  const away = calls.open(cString(`/proc/${pid}/ns/net`), O_CLOEXEC, 0);
  try {
    if (home < 0 || away < 0 || calls.setns(away, CLONE_NEWNET) < 0) return -1;
    const diag = openDiag(calls);
    libc.check(calls.setns(home, CLONE_NEWNET), `return to the network namespace ${readlinkSync("/proc/self/ns/net")}`);
    return diag;
  } finally {
    for (const fd of [home, away]) if (fd >= 0) libc.close(fd);
  }
}
