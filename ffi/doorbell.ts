import { openCodeDoorbell } from "./code_doorbell.ts";
import { openEventfdDoorbell } from "./eventfd_doorbell.ts";
import type { Libc } from "./libc.ts";
import type { Ring } from "./rings.ts";

/**
 * Signals that wake the event loop, and whoever waits in poll(2). Everything that an agent listens to ends here.
 */
export interface Doorbell extends AsyncDisposable {
  /** Readable once something rang. */
  readonly fds: readonly number[];
  /** The signals that ring. */
  readonly signals: readonly number[];
  /** Rings so far. */
  readonly sequence: number;
  /** From now on `signal` rings. Throws when it cannot be handled. */
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
}

/**
 * Opens the doorbell: a small machine-code handler where this CPU and this system allow one, `eventfd_write` otherwise.
 * `onRing` runs on the event loop after one or more rings. The first kind never keeps the process alive.
 */
export async function openDoorbell(libc: Libc, memory: RingMemory, onRing: () => void): Promise<Doorbell> {
  return (await openCodeDoorbell(libc, memory, onRing)) ?? openEventfdDoorbell(libc, onRing);
}

/** Listens to `preferred` or, where that cannot be handled, to a real-time signal; returns which. */
export function listenToOne(doorbell: Doorbell, preferred: number): number {
  for (let signal = preferred; ; signal = signal === preferred ? 64 : signal - 1) {
    try {
      doorbell.listen(signal);
      return signal;
    } catch (error) {
      if (signal === 40) throw error;
    }
  }
}
