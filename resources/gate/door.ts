import { AsyncLocalStorage } from "node:async_hooks";
import { GateBusyError, GateClosedError } from "./errors.ts";

/** Longer ones would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** How many places a refusal names: it is one line. */
const MAX_NAMED = 3;

/** One who is inside. Disposal leaves; once more, it does nothing. */
export class Visit implements Disposable {
  readonly since: number = performance.now();
  readonly where: string | undefined;
  readonly #inside: Set<Disposable>;
  readonly #onLeave: () => void;

  constructor(where: string | undefined, inside: Set<Disposable>, onLeave: () => void) {
    this.where = where;
    this.#inside = inside;
    this.#onLeave = onLeave;
    inside.add(this);
  }

  get isInside(): boolean {
    return this.#inside.has(this);
  }

  [Symbol.dispose](): void {
    if (this.#inside.delete(this)) this.#onLeave();
  }
}

/** How long to wait at most, in milliseconds, and what ends the wait. */
export interface Patience {
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Who is inside, and who waits until it opens again. */
export class Door {
  readonly #inside = new Set<Visit>();
  readonly #waiting = new Set<() => void>();
  readonly #current = new AsyncLocalStorage<Disposable>();
  #isOpen = true;
  #onEmpty = (): void => {};

  /** How many are inside. */
  get count(): number {
    return this.#inside.size;
  }

  /** Lets in who comes while it is open, and the parts of what is inside: that could not end without them. */
  admit(where?: string, within: Disposable | undefined = this.#current.getStore()): Visit | undefined {
    return this.#isOpen || this.#inside.has(within as Visit) ? this.#letIn(where) : undefined;
  }

  /**
   * Lets in as soon as it is open: in the very call that opens it, so that a checkpoint that follows at once waits for them.
   * @throws {GateClosedError} after `waitMs`, and the reason of `signal` when it aborts.
   */
  admitLater(where: string | undefined, { waitMs, signal }: Patience): Promise<Visit> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(enter);
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      };
      const enter = (): void => {
        stop();
        resolve(this.#letIn(where));
      };
      const abort = (): void => {
        stop();
        reject(signal?.reason);
      };
      const timer = startTimer(waitMs, () => {
        stop();
        reject(new GateClosedError(waitMs));
      });
      signal?.addEventListener("abort", abort);
      this.#waiting.add(enter);
    });
  }

  /** Calls `work` so that what it does counts as a part of the visit. */
  runWithin<T>(visit: Visit, work: () => T): T {
    return this.#current.run(visit, work);
  }

  close(): void {
    this.#isOpen = false;
  }

  open(): void {
    this.#isOpen = true;
    for (const enter of this.#waiting) enter();
  }

  /** Resolves when nobody is inside. @throws {GateBusyError} a little before `timeoutMs` is over: the agent could not say who is inside. */
  async emptied(timeoutMs: number): Promise<void> {
    if (this.#inside.size === 0) return;
    await new Promise<void>((resolve, reject) => {
      const timer = startTimer(timeoutMs - Math.min(timeoutMs / 10, 50), () => reject(this.#busy()));
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #letIn(where: string | undefined): Visit {
    return new Visit(where, this.#inside, () => {
      if (this.#inside.size === 0) this.#onEmpty();
    });
  }

  #busy(): GateBusyError {
    const visits = [...this.#inside];
    const places = visits.flatMap(({ where }) => where ?? []).slice(0, MAX_NAMED);
    return new GateBusyError(visits.length, performance.now() - (visits[0]?.since ?? 0), places);
  }
}

function startTimer(ms: number, onEnd: () => void): ReturnType<typeof setTimeout> | undefined {
  return Number.isFinite(ms) ? setTimeout(onEnd, Math.min(ms, LONGEST_TIMER_MS)) : undefined;
}
