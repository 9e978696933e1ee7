import { cString } from "./bytes.ts";
import { handlerCode, ring } from "./handler_code.ts";
import type { Libc } from "./libc.ts";
import { mapCode } from "./memory.ts";
import { type InstalledHandler, installHandler, SIG_IGN } from "./signal.ts";
import { openWakePair } from "./wake_pair.ts";

/** One signal that rang: siginfo_t, see sigaction(2). A `code` above 0 was sent by the kernel, any other by a process. */
export interface Ring {
  /** 0 when it is not known which one it was. */
  readonly signal: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
}

/** Signals of the program, but those that it ignores, and those that ring anyway. */
export interface BorrowedSignals extends Disposable {
  /** Those that ring. They need not be open on this thread. */
  readonly signals: readonly number[];
  /** Those that are left to the program, because it would not be known which one rang. */
  readonly left: readonly number[];
}

/** How many rings are remembered: a power of two. */
export const RINGS = 32;

/**
 * Signals that wake the event loop, and whoever waits in poll(2). Everything that an agent listens to ends here.
 */
export interface Doorbell extends AsyncDisposable {
  /** Readable once something rang. */
  readonly fd: number;
  /** The signals that ring. */
  readonly signals: readonly number[];
  /** Rings so far. */
  readonly sequence: number;
  /** From now on `signal` rings. Throws when it cannot be handled. */
  listen(signal: number): void;
  /**
   * Takes the signals back that nobody handles any more: a runtime resets the handler when a listener of the program's own goes. A
   * handler of somebody else stays, for that program may need it.
   */
  restore(): void;
  /** Lets signals of the program ring as well, until disposal makes everything as it was. */
  borrow(signals: readonly number[]): BorrowedSignals;
  /** The rings from number `sequence` on, as far as they are still remembered, and the number of the one that comes next. */
  since(sequence: number): { readonly rings: readonly Ring[]; readonly next: number };
  /** Makes `fd` unreadable again. */
  drain(): void;
}

/** Where the handler records its rings: see handler_code.ts. It must stay mapped as long as the process lives. */
export interface RingMemory {
  readonly address: bigint;
  readonly view: DataView;
}

const F_DUPFD_CLOEXEC = 1030;
/** What a handler writes at each ring. */
const RING_BYTES = 8;

/**
 * Opens the doorbell; `onRing` runs on the event loop after one or more rings. It does not keep the process alive.
 *
 * The handler is a small piece of machine code. For another CPU (`arch`), and where executable pages are forbidden, it is
 * libc's `eventfd_write`, which writes eight bytes to the descriptor whose number is that of the signal: so the doorbell
 * must have just that number too. Who rang is then not known, and with several signals not even which.
 */
export async function openDoorbell(
  libc: Libc,
  { address, view }: RingMemory,
  onRing: () => void,
  arch: string = process.arch,
): Promise<Doorbell> {
  const [fd, writeFd] = openWakePair(libc);
  let counted = 0;
  const watch = await libc.runtime.watch(fd, (bytes) => {
    counted += bytes / RING_BYTES;
    onRing();
  });
  const code = mapCode(libc, handlerCode(arch, address));
  view.setBigUint64(ring.sequence, 0n, true);
  view.setBigUint64(ring.mask, BigInt(RINGS - 1), true);
  view.setBigUint64(ring.one, 1n, true);
  view.setInt32(ring.fd, writeFd, true);

  const handler = code?.address ?? libc.dlsym(0, cString("eventfd_write"));
  const handlers = new Map<number, Disposable>();
  const signals = (): number[] => [...handlers.keys()];
  const scratch = new Uint8Array(512);
  const read = (): number => Number(libc.read(fd, scratch, scratch.length));
  const sequence = (): number => (code ? view.getUint32(ring.sequence, true) : counted);
  /** Undefined when it was overwritten meanwhile, null when it is not written yet. */
  const recorded = (n: number): Ring | undefined | null => {
    const at = ring.slots + ring.slotBytes * (n % RINGS);
    const found = {
      signal: view.getInt32(at + 8, true),
      code: view.getInt32(at + 12, true),
      pid: view.getInt32(at + 16, true),
      uid: view.getUint32(at + 20, true),
    };
    const written = view.getUint32(at, true);
    return written === n + 1 ? found : written > n ? undefined : null;
  };
  const anonymous = (): Ring => {
    const [signal = 0, another] = signals();
    return { signal: another ? 0 : signal, code: 0, pid: 0, uid: libc.geteuid() };
  };

  return {
    fd,
    get signals() {
      return signals();
    },
    get sequence() {
      return sequence();
    },
    listen(signal) {
      if (handlers.has(signal)) return;
      if (!code) claimDescriptor(libc, writeFd, signal);
      handlers.set(signal, installHandler(libc, signal, handler));
    },
    restore() {
      for (const signal of handlers.keys()) {
        const again = installHandler(libc, signal, handler);
        if (again.before > 1n && again.before !== handler) again[Symbol.dispose]();
      }
    },
    borrow(wanted) {
      const free = wanted.filter((signal) => !handlers.has(signal));
      if (!code) return { signals: [], left: free, [Symbol.dispose]() {} };
      const borrowed = new Map<number, InstalledHandler>();
      for (const signal of free) {
        const installed = installHandler(libc, signal, handler);
        if (installed.before === SIG_IGN) installed.putBack();
        else borrowed.set(signal, installed);
      }
      return {
        signals: [...borrowed.keys()],
        left: [],
        [Symbol.dispose]() {
          for (const installed of borrowed.values()) installed.putBack();
        },
      };
    },
    since(from) {
      const rings: Ring[] = [];
      const end = sequence();
      let next = Math.max(from, end - RINGS);
      for (; next < end; next++) {
        const found = code ? recorded(next) : anonymous();
        // Another thread is still in the handler: it rings once more when it is done.
        if (found === null) break;
        if (found) rings.push(found);
      }
      return { rings, next };
    },
    drain() {
      for (let bytes = read(); bytes > 0; bytes = read()) counted += bytes / RING_BYTES;
    },
    async [Symbol.asyncDispose]() {
      for (const [signal, installed] of handlers) {
        installed[Symbol.dispose]();
        if (!code) libc.close(signal);
      }
      view.setInt32(ring.fd, -1, true);
      watch[Symbol.dispose]();
      // A handler may still run on another thread. So its code, and the ring, stay mapped for good.
      await new Promise((resolve) => setTimeout(resolve, 10));
      libc.close(writeFd);
    },
  };
}

/** Makes descriptor number `signal` one of the doorbell's. */
function claimDescriptor(libc: Libc, writeFd: number, signal: number): void {
  const fd = libc.fcntl(writeFd, F_DUPFD_CLOEXEC, signal);
  if (fd === signal) return;
  libc.close(fd);
  throw new Error(
    `Cannot handle signal ${signal} without executable memory: descriptor ${signal} is taken. Use SIGRTMIN+n.`,
  );
}

/** Listens to `preferred` or, where that cannot be handled, to a real-time signal; returns which. */
export function listenToOne(doorbell: Doorbell, preferred: number): number {
  let failure: unknown;
  for (const signal of [preferred, 64, 63, 62, 61]) {
    try {
      doorbell.listen(signal);
      return signal;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
