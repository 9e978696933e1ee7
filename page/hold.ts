import type { Doorbell } from "../ffi/doorbell.ts";
import type { Libc } from "../ffi/libc.ts";
import { createPoll } from "../ffi/poll.ts";
import { aliveSince, hasEnded, pidNamespace } from "../ffi/process.ts";
import { isAnotherLife, restoreSigns } from "../ffi/restore_signs.ts";
import { blockSignalsExcept } from "../ffi/signal.ts";
import type { Release } from "../lifecycle/ports.ts";
import type { Notice, Outcome } from "../lifecycle/types.ts";
import type { AppPage } from "./app_page.ts";
import type { EndSignals } from "./end_signals.ts";
import type { Word } from "./layout.ts";

/** Between two looks at a driver; and where there is none to look at. */
const DRIVER_LOOK_MS = 50;
const LOOK_MS = 1000;
/** So much later than it should be: this process did not run meanwhile. */
const LATE_MS = 5;
/** CRIU keeps even a small process of these runtimes frozen for much longer: 70 ms and more were measured. */
const FROZEN_MS = 10;

/** Another way by which a driver's word can come while the app is held. */
export interface WordSource {
  /** Readable when there may be a word. */
  readonly fd: number;
  /** Makes `fd` unreadable again, and returns the word for the notice `id` if there is one. */
  read(id: string): Word | undefined;
}

/** What a hold stands on. */
export interface HoldOptions {
  readonly libc: Libc;
  readonly page: AppPage;
  readonly doorbell: Doorbell;
  readonly wordSources: readonly WordSource[];
  /** The lease when the notice names none, in milliseconds. */
  readonly leaseMs: number;
  /** For a point of the app's own. */
  readonly point?: Point | undefined;
}

/** What ends a hold that nobody has asked for. */
export interface Point {
  /** Looks for a notice. */
  look(): void;
  /** Whether one has come: it has a hold of its own. */
  isTaken(): boolean;
  readonly endSignals: EndSignals;
}

/**
 * Prepares a hold for `notice` and returns it. Called, it waits in poll(2) until the outcome is known, and no JavaScript
 * of this thread runs meanwhile.
 *
 * CRIU ends a poll with EINTR when it lets a process go, and nothing else does: every signal but our own is blocked, and
 * ours are counted. A changed start time then says `restored`; otherwise the process is the original. Before that, the
 * driver's word may say `aborted`, and its death or the end of the lease say `continued`. A copy is `restored` whatever ends its
 * hold: a word was meant for the original.
 *
 * The driver is looked for every 50 ms: a pidfd would tell at once, but CRIU 4.2 dumps no pidfd of a process outside of the
 * tree. A freeze that falls between two polls gives no EINTR; the start time, the driver's word or its end tell then. So
 * little is done there, and the start time, which is in a file, is read only when the clock says that there may be a new one.
 *
 * A point of the app's own may have no end. So a signal that asks the program to end ends it; this thread is not interrupted by it. A hold of
 * which no poll was interrupted or late was never frozen: then it is certain that there is no image.
 */
export function armHold(options: HoldOptions, notice: Notice): () => Release {
  const { libc, page, doorbell, wordSources, point } = options;
  const leaseMs = notice.leaseMs ?? options.leaseMs;
  let looked = performance.now();
  const before = restoreSigns();
  const used = process.cpuUsage().user;
  const isDriverGone = watchDriver(libc, notice);
  const lookMs = isDriverGone ? DRIVER_LOOK_MS : LOOK_MS;
  let due = looked + lookMs;
  const poll = createPoll(libc, [doorbell.fd, ...wordSources.map((source) => source.fd)]);

  const wait = (): Outcome | "simulated" => {
    const isRestored = (): boolean => {
      try {
        return isAnotherLife(before);
      } catch {
        // Where nothing more can be opened (EMFILE): a restored process begins to count anew.
        return process.cpuUsage().user < used;
      }
    };
    const orRestored = <T>(end: T): T | "restored" => (isRestored() ? "restored" : end);
    const word = (): Word | undefined =>
      page.word(notice.id) ?? wordSources.map((source) => source.read(notice.id)).find((word) => word);
    let renewals = page.fields.get("renewals");
    let leaseEnd = performance.now() + leaseMs;
    let unasked: Outcome = point ? "aborted" : "continued";
    for (;;) {
      const now = performance.now();
      // Before `looked` when the clock is that of another boot.
      const lateMs = now < looked ? FROZEN_MS : now - due;
      if (lateMs >= LATE_MS && isRestored()) return "restored";
      if (lateMs >= FROZEN_MS) unasked = "continued";
      looked = now;
      const rings = doorbell.sequence;
      const said = word();
      if (said) return orRestored(said);
      point?.look();
      if (point?.isTaken()) return "continued";
      if (now >= leaseEnd || isDriverGone?.() || point?.endSignals.hasCome()) return orRestored(unasked);
      const waitMs = Math.min(lookMs, leaseEnd - now);
      due = now + waitMs;
      const result = poll(waitMs);
      doorbell.drain();
      if (page.fields.get("renewals") !== renewals) {
        renewals = page.fields.get("renewals");
        leaseEnd = performance.now() + leaseMs;
      }
      if (result !== "interrupted") continue;
      if (doorbell.sequence === rings) return orRestored(word() ?? "continued");
      // A signal that waited for CRIU to let go has rung first.
      if (isRestored()) return "restored";
      unasked = "continued";
    }
  };

  return () => {
    using _mask = blockSignalsExcept(libc, [...doorbell.signals, ...(point?.endSignals.open ?? [])]);
    const end = wait();
    const simulated = end === "simulated";
    return { outcome: simulated ? "restored" : end, simulated };
  };
}

/** Tells whether the driver has ended; undefined where its pid means nothing here. Throws when it has ended already. */
function watchDriver(libc: Libc, { driver }: Notice): (() => boolean) | undefined {
  if (!driver || driver.namespace !== pidNamespace("self")) return undefined;
  const { pid } = driver;
  const since = aliveSince(pid);
  // One whose main thread has ended before the others, or that may not be looked at, has no start time.
  const isGone = (): boolean => {
    const now = aliveSince(pid);
    return now ? now !== (since ?? now) : hasEnded(libc, pid);
  };
  if (isGone()) throw new Error("its driver is gone");
  return isGone;
}
