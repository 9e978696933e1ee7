import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import type { Bound } from "./runtime.ts";

// Only this module needs it, so that an app does not carry it.
const symbols = { send: [["i32", "buffer", "usize", "i32"], "i64"] } as const;
let bound: Bound<typeof symbols> | undefined;

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** Two connected sockets that keep the borders of messages: SOCK_SEQPACKET of socketpair(2). */
export interface MessageSocket extends Disposable {
  /** Our end; it does not block. */
  readonly fd: number;
  /** The end for another process, which inherits it; it blocks. To be closed here once that process has it. */
  readonly theirs: number;
  closeTheirs(): void;
  /** Sends one message whole. Throws SystemCallError, for example EPIPE when the other side is gone. */
  send(message: Uint8Array): void;
  /** The next message; undefined when there is none, and after the other side has closed its end. */
  receive(): Uint8Array | undefined;
}

/** Opens such a pair. Disposal closes both ends, as far as they are open. */
export function openMessageSocket(libc: Libc): MessageSocket {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  const { send } = bound;
  const pair = new Int32Array(2);
  libc.check(libc.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bytesOf(pair)), "open a pair of sockets");
  const [fd, theirs] = pair as unknown as [number, number];
  libc.fcntl(fd, F_SETFL, O_NONBLOCK);
  const open = new Set([fd, theirs]);
  const close = (end: number): void => {
    if (open.delete(end)) libc.close(end);
  };
  return {
    fd,
    theirs,
    closeTheirs: () => close(theirs),
    send: (message) => void libc.check(send(fd, message, message.length, MSG_NOSIGNAL), "send a message"),
    receive() {
      const buffer = new Uint8Array(65_536);
      const bytes = Number(libc.read(fd, buffer, buffer.length));
      return bytes > 0 ? buffer.subarray(0, bytes) : undefined;
    },
    [Symbol.dispose]() {
      close(fd);
      close(theirs);
    },
  };
}
