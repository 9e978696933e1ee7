import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import { socketCalls } from "./unix_socket.ts";

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
// net/tcp_states.h
const CLOSED = 7;
const LISTENING = 10;
// struct tcp_info of linux/tcp.h: where each field is, and up to where they have to be known.
const LAST_DATA_SENT = 44;
const LAST_DATA_RECEIVED = 52;
const SEGMENTS_OUT = 136;
const NEEDED_BYTES = 140;
// Made once: a new buffer for each call takes longer than the call.
const info = new Uint8Array(NEEDED_BYTES);
const view = new DataView(info.buffer);
const length = new Uint32Array(1);
const lengthBytes = bytesOf(length);

/** What the kernel knows of a TCP socket: TCP_INFO of tcp(7). */
export interface TcpInfo {
  readonly state: "connected" | "listening" | "closed";
  readonly segmentsSent: number;
  /** How long ago data was sent, and received, in milliseconds; since the connection was made when there was none yet. */
  readonly sentMs: number;
  readonly receivedMs: number;
}

/** Undefined when it is no TCP socket. Nothing is read from it, and no error of it is taken away. */
export function tcpInfo(libc: Libc, fd: number): TcpInfo | undefined {
  length[0] = NEEDED_BYTES;
  if (socketCalls(libc).getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, lengthBytes) < 0) return undefined;
  if (length[0] !== NEEDED_BYTES) return undefined;
  return {
    state: info[0] === CLOSED ? "closed" : info[0] === LISTENING ? "listening" : "connected",
    segmentsSent: view.getUint32(SEGMENTS_OUT, true),
    sentMs: view.getUint32(LAST_DATA_SENT, true),
    receivedMs: view.getUint32(LAST_DATA_RECEIVED, true),
  };
}
