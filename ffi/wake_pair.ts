import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";

/** O_NONBLOCK | O_CLOEXEC, which are also the bits of SOCK_…: fcntl.h, sys/socket.h. */
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** Opens the pair of descriptors by which this runtime wakes fastest: what is written to the second comes out of the first. Neither blocks. */
export function openWakePair(libc: Libc): [fd: number, writeFd: number] {
  const pair = new Int32Array(2);
  const made =
    libc.runtime.wakePair === "pipe2"
      ? libc.pipe2(bytesOf(pair), NONBLOCK_CLOEXEC)
      : libc.socketpair(AF_UNIX, SOCK_STREAM | NONBLOCK_CLOEXEC, 0, bytesOf(pair));
  libc.check(made, "open a pair of descriptors");
  return pair as unknown as [number, number];
}
