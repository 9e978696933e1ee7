import { cString } from "./bytes.ts";
import type { Doorbell } from "./doorbell.ts";
import type { Libc } from "./libc.ts";
import { RINGS, type Ring, ringsSince } from "./rings.ts";
import { installHandler } from "./signal.ts";

const F_DUPFD_CLOEXEC = 1030;
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/**
 * The doorbell without executable memory: libc's `eventfd_write` is the handler. It is called with the signal's number as its
 * descriptor, so the eventfd must have just that number. Who rang is not known, and the process stays alive until disposal.
 */
export function openEventfdDoorbell(libc: Libc, onRing: () => void): Doorbell {
  const handler = libc.dlsym(0, cString("eventfd_write"));
  const listening = new Map<number, Disposable>();
  const counter = new Uint8Array(8);
  const rings: Ring[] = [];
  let sequence = 0;
  const rang = (signal: number): void => {
    rings[sequence++ % RINGS] = { signal, code: 0, pid: 0, uid: libc.geteuid(), value: 0n };
  };
  const signals = (): number[] => [...listening.keys()];
  return {
    get fds() {
      return signals();
    },
    get signals() {
      return signals();
    },
    get sequence() {
      return sequence;
    },
    listen(signal) {
      if (listening.has(signal)) return;
      const eventfd = libc.check(libc.eventfd(0, EFD_NONBLOCK_CLOEXEC), "open an eventfd");
      const fd = libc.fcntl(eventfd, F_DUPFD_CLOEXEC, signal);
      libc.close(eventfd);
      if (fd !== signal) {
        libc.close(fd);
        throw new Error(
          `Cannot handle signal ${signal} without executable memory: descriptor ${signal} is taken. Use SIGRTMIN+n.`,
        );
      }
      const installed = installHandler(libc, signal, handler);
      const drained = libc.runtime.drain(libc, fd, () => {
        rang(signal);
        onRing();
      });
      listening.set(signal, {
        [Symbol.dispose](): void {
          installed[Symbol.dispose]();
          drained[Symbol.dispose]();
          libc.close(fd);
        },
      });
    },
    since: (from) => ringsSince(from, sequence, (n) => rings[n % RINGS]),
    drain() {
      for (const fd of signals()) if (libc.read(fd, counter, 8) > 0n) rang(fd);
    },
    async [Symbol.asyncDispose]() {
      for (const listener of listening.values()) listener[Symbol.dispose]();
    },
  };
}
