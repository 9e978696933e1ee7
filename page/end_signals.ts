import type { BorrowedSignals, Doorbell } from "../ffi/doorbell.ts";
import type { Libc } from "../ffi/libc.ts";
import { isPending } from "../ffi/process.ts";
import { END_SIGNALS } from "../ffi/signal_numbers.ts";
import type { Resource } from "../lifecycle/types.ts";

/** Until JavaScript has run that a signal has called before. */
const SETTLE_MS = 20;

/** What asks the program to end while it is at a point of its own, which may have no end. */
export interface EndSignals {
  /** Keeps these signals back as the last step of preparing, and gives them to the program as the first step afterwards. */
  readonly resource: Resource;
  /** Whether one has come. */
  hasCome(): boolean;
  /** Those that cannot be kept back: they have to interrupt the hold. */
  readonly open: readonly number[];
}

/**
 * Our handler takes these signals, on whatever thread, or they stay pending. The handlers of the program would be of no use: their
 * JavaScript runs when the hold is over.
 */
export function keepEndSignals(libc: Libc, doorbell: Doorbell): EndSignals {
  let first = 0;
  let borrowed: BorrowedSignals | undefined;
  const rung = (): number[] => {
    const { rings } = doorbell.since(first);
    return (borrowed?.signals ?? []).filter((wanted) => rings.some(({ signal }) => signal === wanted));
  };
  return {
    resource: {
      name: "signals",
      beforeCheckpoint() {
        first = doorbell.sequence;
        borrowed = doorbell.borrow(END_SIGNALS);
        return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      },
      afterRestore() {
        borrowed?.[Symbol.dispose]();
        for (const signal of rung()) libc.raise(signal);
      },
    },
    hasCome: () => rung().length > 0 || (borrowed?.signals ?? []).some(isPending),
    get open() {
      return borrowed?.left ?? [];
    },
  };
}
