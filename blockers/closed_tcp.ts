import type { Libc } from "../ffi/libc.ts";
import { openProcess } from "../ffi/process.ts";
import { type TcpInfo, tcpInfo } from "../ffi/tcp_info.ts";
import type { OpenSocket } from "./descriptor.ts";

// The same number on every architecture: asm-generic/unistd.h.
const SYS_PIDFD_GETFD = 438;

/**
 * Whether a TCP socket that stands in no table was connected once: CRIU takes it for a connection, and a new one has sent nothing. False
 * when the socket may not be looked at. Nothing is read from it, and no error of it is taken away.
 */
export function wasConnected(libc: Libc, { pid, fd }: OpenSocket): boolean {
  if (pid === process.pid) return hasSent(tcpInfo(libc, fd));
  const copy = copyOf(libc, pid, fd);
  if (copy < 0) return false;
  const info = tcpInfo(libc, copy);
  // The process may have put something else there by now, the last close of which waits: a connection that lingers (SO_LINGER), a file of
  // its own file system. That stays open until this process ends.
  if (info?.state === "closed") libc.close(copy);
  return hasSent(info);
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

function hasSent(info: TcpInfo | undefined): boolean {
  return info !== undefined && info.segmentsSent > 0;
}
