/**
 * Notices by a signal, SIGURG unless another one is named.
 *
 * In Deno it needs `--allow-ffi`.
 *
 * @module
 */
import type { Ring } from "../../ffi/doorbell.ts";
import { SIGURG, type SignalName, signalNumber } from "../../ffi/signal_numbers.ts";
import { checkNotice } from "../../lifecycle/notice.ts";
import { checkLease } from "../../lifecycle/time.ts";
import type { Notice } from "../../lifecycle/types.ts";
import type { Strategy } from "../strategy.ts";
import { createTrust } from "../trust.ts";

export type { SignalName };

/** What a doorbell says that cannot tell its signals apart. */
const UNKNOWN = 0;
/** After this time a driver's signal that has not arrived never will. */
const COALESCED_MS = 1000;

/** Options of {@linkcode signal}. */
export interface SignalOptions {
  /**
   * The signal that is a notice: a name, a number, or a real-time signal as `SIGRTMIN+n`. SIGURG does no harm to a process
   * that does not listen; every other one ends it.
   * @default "SIGURG"
   */
  readonly signal?: SignalName;
  /**
   * Takes a bare signal, which names no notice, as a notice too, and then holds for so many milliseconds: for a script that knows `kill`
   * and no more. Whoever sends this signal for a reason of its own (the runtime of a Go program, a wrapper that forwards its signals)
   * then stops the app for as long. Those that come before its checkpoint is over belong to it.
   * @default undefined: a bare signal is ignored, and counted for `criu-aware status --json`
   */
  readonly bareLeaseMs?: number;
}

/**
 * Takes notices by signal: `sigaction` by FFI with a machine-code handler. Whoever notifies leaves a notice, with an id and a deadline,
 * on the agent page and then sends the signal; the reply is on the page. A signal without a notice does nothing, unless
 * `bareLeaseMs` is given.
 *
 * @throws {RangeError} for a signal that cannot be used, and a lease that is negative, NaN or more than ten minutes.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { signal } from "criu-aware/strategies/signal";
 * const agent = await attach({ strategies: [signal({ signal: "SIGUSR2" })] });
 * ```
 */
export function signal(options: SignalOptions = {}): Strategy {
  const { signal = SIGURG, bareLeaseMs } = options;
  if (bareLeaseMs !== undefined) checkLease("bareLeaseMs", bareLeaseMs);
  const number = signalNumber(signal);
  return {
    kind: "signal",
    start({ libc, page, doorbell, deliver }) {
      const pitfall = libc.runtime.pitfalls[number];
      if (pitfall?.refuse) throw new RangeError(`Cannot use signal ${number} for notices: ${pitfall.why}. Use SIGURG.`);
      if (pitfall) console.warn(`${pitfall.why}: prefer SIGURG.`);
      const isTrusted = createTrust(libc);
      doorbell.listen(number);
      page.noticeSignal = number;
      let seen = doorbell.sequence;
      let sentBefore = page.fields.get("signalsSent");
      let arrivedAt = 0;
      // Signals of drivers that have not arrived yet.
      let pending = 0;
      let lastNoticeId = "";
      let isBareOpen = false;

      const isOurs = ({ signal, code, uid }: Ring): boolean => {
        if (![number, page.fields.get("wakeSignal"), UNKNOWN].includes(signal) || code > 0) return false;
        if (isTrusted(uid)) return true;
        page.countRejected();
        return false;
      };

      return {
        endpoint: { kind: "signal", signal: number },
        // A bare signal that comes with it would count as part of it.
        rehearse: bareLeaseMs === undefined ? (notice) => page.notifySelf(notice) : undefined,
        look() {
          const { rings, next } = doorbell.since(seen);
          seen = next;
          const ours = rings.filter(isOurs);
          if (ours.length === 0) return;
          const sent = page.fields.get("signalsSent");
          // Two that were pending at the same time arrived as one: nothing is due any more.
          if (pending !== 0 && performance.now() - arrivedAt > COALESCED_MS) pending = 0;
          if (sent !== sentBefore) arrivedAt = performance.now();
          pending += sent - sentBefore - ours.length;
          sentBefore = sent;
          let bare = ours.some((ring) => ring.signal === number) ? Math.max(0, -pending) : 0;
          pending = Math.max(0, pending);
          const left = leftNotice(page.fields.text("notice"));
          if (left && left.id !== lastNoticeId) {
            lastNoticeId = left.id;
            deliver(left, noReply);
          } else if (bare > 0 && bareLeaseMs !== undefined && !isBareOpen) {
            bare--;
            isBareOpen = true;
            const outcome = (): void => {
              isBareOpen = false;
            };
            // The first UUID of a process would take 2 ms.
            deliver({ id: `signal-${next}`, leaseMs: bareLeaseMs }, { ...noReply, outcome });
          }
          page.countIgnored(bare);
        },
        [Symbol.dispose](): void {
          page.noticeSignal = 0;
        },
      };
    },
  };
}

/** The lifecycle shows every reply on the page: there is nothing to add. */
const noReply = { reply(): void {} };

function leftNotice(text: string): Notice | undefined {
  try {
    return text === "" ? undefined : checkNotice(JSON.parse(text));
  } catch {
    return undefined;
  }
}
