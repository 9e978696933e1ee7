import type { Doorbell } from "../ffi/doorbell.ts";
import type { Libc } from "../ffi/libc.ts";
import { createPoll } from "../ffi/poll.ts";
import { openProcess, pidNamespace, type ProcessHandle, restoreSigns } from "../ffi/process.ts";
import { blockSignalsExcept } from "../ffi/signal.ts";
import type { Release } from "../lifecycle/lifecycle.ts";
import type { Notice, Outcome } from "../lifecycle/types.ts";
import type { AppPage } from "./app_page.ts";
import type { Word } from "./layout.ts";

/** Another way by which a driver's word can come while the app is held. */
export interface Ear {
  /** Readable when there may be a word. */
  readonly fd: number;
  /** Makes `fd` unreadable again, and returns the word for the notice `id` if there is one. */
  hear(id: string): Word | undefined;
}

/** What a hold stands on. */
export interface HoldOptions {
  readonly libc: Libc;
  readonly page: AppPage;
  readonly doorbell: Doorbell;
  readonly ears: readonly Ear[];
  /** The lease when the notice names none, in milliseconds. */
  readonly leaseMs: number;
}

/**
 * Prepares a hold for `notice` and returns it. Called, it waits in poll(2) until the outcome is known, and no JavaScript
 * of this thread runs meanwhile.
 *
 * CRIU ends a poll with EINTR when it lets a process go, and nothing else does: every signal but our own is blocked, and
 * ours are counted. A changed start time then says `restored`; otherwise the process is the original. Before that, the
 * driver's word may say `aborted`, and its death (pidfd) or the end of the lease say `continued`.
 */
export function armHold(options: HoldOptions, notice: Notice): () => Release {
  const { libc, page, doorbell, ears } = options;
  const leaseMs = notice.leaseMs ?? options.leaseMs;
  const before = restoreSigns();
  const driver = watchDriver(libc, notice);
  const poll = createPoll(libc, [...doorbell.fds, ...ears.map((ear) => ear.fd), ...(driver ? [driver.fd] : [])]);

  const wait = (): Outcome | "simulated" => {
    const isRestored = (): boolean => {
      const now = restoreSigns();
      return now.startTime !== before.startTime || now.timeNamespace !== before.timeNamespace;
    };
    const word = (): Word | undefined =>
      page.word(notice.id) ?? ears.map((ear) => ear.hear(notice.id)).find((heard) => heard);
    let renewals = page.renewals;
    let leaseEnd = performance.now() + leaseMs;
    for (;;) {
      const rings = doorbell.sequence;
      if (isRestored()) return "restored";
      const said = word();
      if (said) return said;
      const result = poll.wait(Math.max(0, leaseEnd - performance.now()));
      doorbell.drain();
      if (page.renewals !== renewals) {
        renewals = page.renewals;
        leaseEnd = performance.now() + leaseMs;
      }
      const letGo = result === "interrupted" && doorbell.sequence === rings;
      const leaseEnded = performance.now() >= leaseEnd;
      const driverDied = driver && result === "readable" && poll.isReadable(driver.fd);
      if (letGo || leaseEnded || driverDied) return isRestored() ? "restored" : (word() ?? "continued");
    }
  };

  return () => {
    using _driver = driver;
    using _mask = blockSignalsExcept(libc, doorbell.signals);
    const end = wait();
    return end === "simulated" ? { outcome: "restored", simulated: true } : { outcome: end, simulated: false };
  };
}

/**
 * The driver, if its pid means the same here as where it was written.
 * @throws {SystemCallError} when it is dead already.
 */
function watchDriver(libc: Libc, notice: Notice): ProcessHandle | undefined {
  return notice.driver?.namespace === pidNamespace("self") ? openProcess(libc, notice.driver.pid) : undefined;
}
