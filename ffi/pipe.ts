import type { Libc } from "./libc.ts";

const O_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/** Both ends of a pipe (pipe(7)); neither blocks, and both are to be closed by whoever opened it. */
export interface Pipe {
  readonly read: number;
  readonly write: number;
}

export function openPipe(libc: Libc): Pipe {
  const fds = new Int32Array(2);
  libc.check(libc.pipe2(new Uint8Array(fds.buffer), O_NONBLOCK_CLOEXEC), "open a pipe");
  return { read: fds[0] as number, write: fds[1] as number };
}
