import { constants, unlinkSync } from "node:fs";
import { cString } from "./bytes.ts";
import { fileCalls } from "./files.ts";
import type { Libc } from "./libc.ts";
import { statOf } from "./stat.ts";
import { SystemCallError } from "./system_call_error.ts";
import { EAGAIN, ECONNREFUSED, openUnixSocket, peerCredentials, socketAddress, socketCalls } from "./unix_socket.ts";

const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;
const ENOENT = 2;

/**
 * The pid of the process that listens at `path`: 0 when it cannot be told, undefined when nobody does. Found by connecting.
 * Throws SystemCallError when that is not allowed, or another kind of socket is there.
 */
export function listenerAt(libc: Libc, path: string): number | undefined {
  const fd = openUnixSocket(libc);
  try {
    const address = socketAddress(path);
    if (socketCalls(libc).connect(fd, address, address.length) === 0) return peerCredentials(libc, fd).pid;
    const errno = libc.errno();
    if (errno === EAGAIN) return 0;
    if (errno === ECONNREFUSED || errno === ENOENT) return undefined;
    throw new SystemCallError(`connect to ${path}`, errno);
  } finally {
    libc.close(fd);
  }
}

/**
 * Removes the socket at `path` that a process left when it ended: nobody listens there, and it is root's or ours. Only for who has the lock
 * of its directory: another process may be about to listen.
 * @throws {Error} when somebody listens there, or something else lies there.
 */
export function removeStaleSocket(libc: Libc, path: string): void {
  const place = libc.check(
    fileCalls(libc).open(cString(path), O_PATH_CLOEXEC | constants.O_NOFOLLOW, 0),
    `look at ${path}`,
  );
  try {
    const { type, uid } = statOf(libc, place);
    if (type !== "socket" || (uid !== 0 && uid !== libc.geteuid()))
      throw new Error(`Cannot listen on ${path}: what lies there is not a socket of this user. Use another path.`);
    refuseListener(path, listenerAt(libc, `/proc/self/fd/${place}`));
    unlinkSync(path);
  } finally {
    libc.close(place);
  }
}

function refuseListener(path: string, pid: number | undefined): void {
  if (pid === undefined) return;
  const who = pid === 0 ? "another process" : `process ${pid}`;
  throw new Error(`Cannot listen on ${path}: ${who} listens there. End it, or use another path.`);
}
