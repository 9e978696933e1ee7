import type { Libc } from "./libc.ts";

const POLLIN = 1;
const EINTR = 4;

/** What ended a poll: a readable descriptor, the time, or an interruption. */
export type PollResult = "readable" | "timeout" | "interrupted";

/** A poll(2) over `fds` that is set up once and can be repeated without allocating. */
export interface Poll {
  /** Blocks this thread until a descriptor is readable, at most `timeoutMs`. */
  wait(timeoutMs: number): PollResult;
  /** After `readable`: whether this one is. A closed peer counts. */
  isReadable(fd: number): boolean;
}

/** Prepares a poll(2) for reading on `fds`. */
export function createPoll(libc: Libc, fds: readonly number[]): Poll {
  // struct pollfd: int fd, short events, short revents (poll.h)
  const view = new DataView(new ArrayBuffer(8 * Math.max(1, fds.length)));
  const bytes = new Uint8Array(view.buffer);
  for (const [i, fd] of fds.entries()) {
    view.setInt32(8 * i, fd, true);
    view.setInt16(8 * i + 4, POLLIN, true);
  }
  return {
    wait(timeoutMs) {
      const result = libc.poll(bytes, fds.length, Math.ceil(timeoutMs));
      const errno = libc.errno();
      if (result > 0) return "readable";
      if (result === 0) return "timeout";
      if (errno === EINTR) return "interrupted";
      return libc.check(result, "wait in poll") as never;
    },
    isReadable: (fd) => view.getInt16(8 * fds.indexOf(fd) + 6, true) !== 0,
  };
}
