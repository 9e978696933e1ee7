import { bytesOf } from "../ffi/bytes.ts";
import type { Libc } from "../ffi/libc.ts";
import { openProcess } from "../ffi/process.ts";
import { scanCalls } from "./calls.ts";
import type { OpenSocket } from "./descriptor.ts";

// The same number on every architecture: asm-generic/unistd.h.
const SYS_PIDFD_GETFD = 438;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** TCP_CLOSE of net/tcp_states.h. */
const CLOSED = 7;
/** struct tcp_info of linux/tcp.h: tcpi_state comes first; where tcpi_segs_out is, and up to where it has to be known. */
const SEGMENTS_OUT = 136;
const NEEDED_BYTES = 140;

/**
 * Whether a TCP socket that stands in no table was connected once: CRIU takes it for a connection, and a new one has sent nothing. False
 * when the socket may not be looked at. Nothing is read from it, and no error of it is taken away.
 */
export function wasConnected(libc: Libc, { pid, fd }: OpenSocket): boolean {
  if (pid === process.pid) return hasSent(stateOf(libc, fd));
  const copy = copyOf(libc, pid, fd);
  if (copy < 0) return false;
  const state = stateOf(libc, copy);
  // The process may have put something else there by now, the last close of which waits: a connection that lingers (SO_LINGER), a file of
  // its own file system. That stays open until this process ends.
  if (state?.isClosed) libc.close(copy);
  return hasSent(state);
}

/** A descriptor here of what another process has open: pidfd_getfd(2). Negative when that cannot be had. */
function copyOf(libc: Libc, pid: number, fd: number): number {
  try {
    using process = openProcess(libc, pid);
    return Number(libc.syscall(SYS_PIDFD_GETFD, process.fd, fd, 0, 0, 0, 0));
  } catch {
    // It has ended.
    return -1;
  }
}

/** What is known of a TCP socket. */
interface TcpState {
  readonly isClosed: boolean;
  readonly segmentsSent: number;
}

function hasSent(state: TcpState | undefined): boolean {
  return state !== undefined && state.segmentsSent > 0;
}

/** Undefined when it is no TCP socket. */
function stateOf(libc: Libc, fd: number): TcpState | undefined {
  const info = new Uint8Array(NEEDED_BYTES);
  const length = new Uint32Array([info.length]);
  if (scanCalls(libc).getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, bytesOf(length)) < 0) return undefined;
  if (length[0] !== NEEDED_BYTES) return undefined;
  return { isClosed: info[0] === CLOSED, segmentsSent: new DataView(info.buffer).getUint32(SEGMENTS_OUT, true) };
}
