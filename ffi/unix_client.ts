import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import { createPoll } from "./poll.ts";
import { readOrEmpty } from "./read_or_empty.ts";
import { orClose } from "./shared_memory.ts";
import { statusField } from "./status_field.ts";
import {
  EAGAIN,
  MSG_DONTWAIT_NOSIGNAL,
  openUnixSocket,
  peerCredentials,
  SOL_SOCKET,
  socketAddress,
  socketCalls,
} from "./unix_socket.ts";

/** Since Linux 6.5: asm-generic/socket.h. */
const SO_PEERPIDFD = 77;
const ENOPROTOOPT = 92;
const buffer = new Uint8Array(16_384);

/** A connection to a unix socket that somebody listens on. Nothing on it blocks, but for `wait`. */
export interface UnixClient extends Disposable {
  /**
   * The process that listens, as this process sees it: the one that called listen(2). Undefined when it has ended, though somebody
   * who has inherited the socket may still answer, or cannot be seen from this pid namespace.
   */
  readonly peer: number | undefined;
  /** Sends what the socket takes at once. Throws SystemCallError when it does not take all. */
  send(bytes: Uint8Array): void;
  /** What has come since; undefined when nothing has, an empty array after the end. Throws SystemCallError. */
  receive(): Uint8Array | undefined;
  /** Blocks this thread until something has come, at most `timeoutMs`. */
  wait(timeoutMs: number): void;
}

/**
 * Connects to the unix socket at `path`; undefined while too many others wait to be accepted there. Throws SystemCallError: ENOENT
 * when there is none, ECONNREFUSED when nobody listens.
 */
export function connectUnix(libc: Libc, path: string): UnixClient | undefined {
  const calls = socketCalls(libc);
  const address = socketAddress(path);
  const fd = openUnixSocket(libc);
  const connected = calls.connect(fd, address, address.length);
  if (connected < 0 && libc.errno() === EAGAIN) {
    libc.close(fd);
    return undefined;
  }
  return orClose(libc, fd, () => {
    libc.check(connected, `connect to ${path}`);
    const poll = createPoll(libc, [fd]);
    return {
      peer: peerOf(libc, fd),
      send(bytes) {
        const sent = libc.check(calls.send(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL), `send to ${path}`);
        if (Number(sent) < bytes.length) throw new Error(`Cannot send ${bytes.length} bytes to ${path} at once.`);
      },
      receive() {
        const count = Number(calls.recv(fd, buffer, buffer.length, MSG_DONTWAIT_NOSIGNAL));
        if (count < 0 && libc.errno() === EAGAIN) return undefined;
        libc.check(count, `receive from ${path}`);
        return buffer.slice(0, count);
      },
      wait: (timeoutMs) => void poll(timeoutMs),
      [Symbol.dispose]: () => void libc.close(fd),
    };
  });
}

/** By a pidfd where there is one: a pid alone may be that of another process by now. */
function peerOf(libc: Libc, fd: number): number | undefined {
  const { getsockopt } = socketCalls(libc);
  const pidfd = new Int32Array(1);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, bytesOf(pidfd), bytesOf(new Uint32Array([4]))) === 0) {
    const info = readOrEmpty(`/proc/self/fdinfo/${pidfd[0]}`);
    libc.close(pidfd[0] as number);
    // -1 when it has ended, 0 when it is not in this pid namespace: pidfd_open(2), fdinfo.
    const pid = Number(statusField(info, "Pid"));
    return pid > 0 ? pid : undefined;
  }
  // There is one, and it has ended.
  if (libc.errno() !== ENOPROTOOPT) return undefined;
  return peerCredentials(libc, fd).pid || undefined;
}
