import { cString } from "./bytes.ts";
import { handlerCode } from "./handler_code.ts";
import type { Libc } from "./libc.ts";
import { type Mapping, mapCode } from "./memory.ts";
import { installHandler } from "./signal.ts";

/** One signal that rang: siginfo_t, see sigaction(2). A `code` above 0 was sent by the kernel, any other by a process. */
export interface Ring {
  readonly signal: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  readonly value: bigint;
}

/**
 * Signals that wake the event loop, and whoever waits in poll(2). Everything that an agent listens to ends here.
 */
export interface Doorbell extends AsyncDisposable {
  /** Readable once something rang. */
  readonly fds: readonly number[];
  readonly signals: readonly number[];
  /** Rings so far. */
  readonly sequence: number;
  /** From now on `signal` rings. Throws SystemCallError when it cannot be handled. */
  listen(signal: number): void;
  /** The rings after `sequence`, as far as they are still known (the last 32). */
  since(sequence: number): readonly Ring[];
  /** Makes `fds` unreadable again. */
  drain(): void;
}

/** Where the handler records its rings: see handler_code.ts. */
export interface RingMemory {
  readonly address: bigint;
  readonly view: DataView;
  readonly slots: number;
}

const F_DUPFD_CLOEXEC = 1030;
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/**
 * Opens the doorbell: a small machine-code handler where this CPU and this system allow one, `eventfd_write` otherwise.
 * `onRing` runs on the event loop after one or more rings. The first kind never keeps the process alive.
 */
export async function openDoorbell(libc: Libc, memory: RingMemory, onRing: () => void): Promise<Doorbell> {
  const code = handlerCode(process.arch, memory.address);
  const page = code && mapCode(libc, code);
  return page ? await openCodeDoorbell(libc, memory, page, onRing) : openEventfdDoorbell(libc, onRing);
}

async function openCodeDoorbell(libc: Libc, memory: RingMemory, code: Mapping, onRing: () => void): Promise<Doorbell> {
  const wake = await libc.runtime.openWake(libc, onRing);
  const { view, slots } = memory;
  view.setBigUint64(8, 0n, true);
  view.setBigUint64(16, BigInt(slots - 1), true);
  view.setBigUint64(24, 1n, true);
  view.setInt32(0, wake.writeFd, true);
  const installed = new Map<number, Disposable>();
  const scratch = new Uint8Array(512);
  const sequence = (): number => Number(view.getBigUint64(8, true));
  return {
    fds: [wake.readFd],
    get signals() {
      return [...installed.keys()];
    },
    get sequence() {
      return sequence();
    },
    listen(signal) {
      if (!installed.has(signal)) installed.set(signal, installHandler(libc, signal, code.address));
    },
    since(from) {
      const rings: Ring[] = [];
      const end = sequence();
      for (let n = Math.max(from, end - slots); n < end; n++) {
        const at = 64 + 32 * (n % slots);
        const ring = {
          signal: view.getInt32(at + 8, true),
          code: view.getInt32(at + 12, true),
          pid: view.getInt32(at + 16, true),
          uid: view.getUint32(at + 20, true),
          value: view.getBigUint64(at + 24, true),
        };
        if (view.getBigUint64(at, true) === BigInt(n + 1)) rings.push(ring);
      }
      return rings;
    },
    drain() {
      while (libc.read(wake.readFd, scratch, scratch.length) > 0n);
    },
    async [Symbol.asyncDispose]() {
      for (const handler of installed.values()) handler[Symbol.dispose]();
      view.setInt32(0, -1, true);
      wake[Symbol.dispose]();
      // A handler may still run on another thread.
      await new Promise((resolve) => setTimeout(resolve, 10));
      code[Symbol.dispose]();
    },
  };
}

/**
 * Without executable memory: libc's `eventfd_write` is the handler. It is called with the signal's number as its
 * descriptor, so the eventfd must have just that number. Who rang is not known, and the process stays alive until disposal.
 */
export function openEventfdDoorbell(libc: Libc, onRing: () => void): Doorbell {
  const handler = libc.dlsym(0, cString("eventfd_write"));
  const listening = new Map<number, Disposable>();
  const rings: Ring[] = [];
  const counter = new Uint8Array(8);
  const ringed = (signal: number): void => void rings.push({ signal, code: 0, pid: 0, uid: libc.geteuid(), value: 0n });
  return {
    get fds() {
      return [...listening.keys()];
    },
    get signals() {
      return [...listening.keys()];
    },
    get sequence() {
      return rings.length;
    },
    listen(signal) {
      if (listening.has(signal)) return;
      const eventfd = libc.check(libc.eventfd(0, EFD_NONBLOCK_CLOEXEC), "open an eventfd");
      const fd = libc.fcntl(eventfd, F_DUPFD_CLOEXEC, signal);
      libc.close(eventfd);
      if (fd !== signal) {
        if (fd >= 0) libc.close(fd);
        throw new Error(
          `Cannot handle signal ${signal} without executable memory: descriptor ${signal} is taken. ` +
            `Choose a real-time signal, for example SIGRTMIN+20.`,
        );
      }
      const installed = installHandler(libc, signal, handler);
      const drained = libc.runtime.drain(libc, fd, () => {
        ringed(signal);
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
    since: (from) => rings.slice(from),
    drain() {
      for (const fd of listening.keys()) if (libc.read(fd, counter, 8) > 0n) ringed(fd);
    },
    async [Symbol.asyncDispose]() {
      for (const listener of listening.values()) listener[Symbol.dispose]();
    },
  };
}
