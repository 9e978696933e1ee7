import type { Libc } from "./libc.ts";
import type { Reader } from "./reader.ts";

const O_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const POLLIN = 1;

/** Deno by a nonblocking poll(2); it reads here, for errno and the bytes of such a call are not to be trusted. */
export const drain: Reader = (libc: Libc, fd: number, onBytes: (bytes: Uint8Array) => void): Disposable => {
  const { poll } = Deno.dlopen(libc.soname, {
    poll: { parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
  }).symbols;
  const stop = new Int32Array(2);
  libc.check(libc.pipe2(new Uint8Array(stop.buffer), O_NONBLOCK_CLOEXEC), "open a pipe");
  const [ended, end] = stop as unknown as [number, number];
  const fds = new Uint8Array(new Int32Array([fd, POLLIN, ended, POLLIN]).buffer);
  const buffer = new Uint8Array(65_536);
  let stopped = false;
  const pump = async (): Promise<void> => {
    while (!stopped) {
      await poll(fds, 2n, -1);
      while (!stopped) {
        const count = Number(libc.read(fd, buffer, buffer.length));
        // The other side has closed it: it would be readable for ever.
        if (count === 0) stopped = true;
        if (count <= 0) break;
        onBytes(buffer.slice(0, count));
      }
    }
    libc.close(ended);
  };
  void pump();
  return {
    [Symbol.dispose](): void {
      stopped = true;
      // The end of the pipe wakes the poll.
      libc.close(end);
    },
  };
};
