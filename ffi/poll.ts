import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";

const POLLIN = 1;
const EINTR = 4;

/** What ended a poll: a readable descriptor, the time, or an interruption. */
export type PollResult = "readable" | "timeout" | "interrupted";

/**
 * Prepares a poll(2) for reading on `fds`, to be repeated without allocating. Each call blocks this thread until a descriptor
 * is readable, at most `timeoutMs`.
 */
export function createPoll(libc: Libc, fds: readonly number[]): (timeoutMs: number) => PollResult {
  // struct pollfd { int fd; short events; short revents; } (poll.h), little-endian
  const pollfds = bytesOf(new Int32Array([...fds, 0].flatMap((fd) => [fd, POLLIN])));
  return (timeoutMs) => {
    const result = libc.poll(pollfds, fds.length, Math.ceil(timeoutMs));
    const errno = libc.errno();
    if (result >= 0) return result > 0 ? "readable" : "timeout";
    if (errno === EINTR) return "interrupted";
    return libc.check(result, "wait in poll") as never;
  };
}
