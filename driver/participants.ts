import { namesOf } from "../blockers/report.ts";
import type { CriuOptions } from "../criu/options.ts";
import { createClock } from "../ffi/clock.ts";
import { openLibc } from "../ffi/libc.ts";
import { newId } from "../ffi/new_id.ts";
import { aliveSince, pidNamespace } from "../ffi/process.ts";
import type { DumpFacts } from "../images/manifest_shape.ts";
import type { Notice } from "../lifecycle/types.ts";
import type { DriverPage } from "../page/driver_page.ts";
import { PageError } from "../page/errors.ts";
import type { Word } from "../page/layout.ts";
import type { StrategyName } from "../strategies/names.ts";
import { type Answer, notify } from "../strategies/notify.ts";
import { alongside } from "./alongside.ts";
import { describeApp } from "./app_facts.ts";
import { attachedAbove, openAttached } from "./attached.ts";
import { leaveLaunchOn } from "./launch.ts";
import { describeStandstill, isPaused, standstillOf, unlessStill } from "./paused.ts";

/** How the apps of a process tree are notified. */
export interface NoticeOptions {
  /** The way of the notice. @default the first of signal, socket, file that an app listens to */
  readonly strategy?: StrategyName;
  /**
   * Wait until a process of the tree is at its point (`agent.point()`), and refuse when none is found there. All others are told as usual.
   * An app that is at its point is dumped without this as well: it is ready. @default false
   */
  readonly atPoint?: boolean;
  /** How long the apps may prepare, and how long their point is waited for, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** How long a ready app holds without a sign of life from this process, in milliseconds, at most ten minutes. @default 5000 */
  readonly leaseMs?: number;
  /** Go on when no process of the tree is attached. @default false */
  readonly unaware?: boolean;
  /** See `DumpOptions`. The apps are told when it is given. */
  readonly cuda?: boolean | object;
  /** Options of CRIU itself. The apps are told their names, so that they do not refuse for what those cure. */
  readonly criuOptions?: CriuOptions;
  /** Cancels: apps that are preparing, or held, are told `aborted`, and the dump is refused before or while they are frozen. */
  readonly signal?: AbortSignal;
}

/** What only callers of this project ask for. */
interface SpecialOptions {
  /** A process of the tree that needs no telling, for it asks for the checkpoint itself. */
  readonly without?: number;
  /** The notice's id. @default a new UUID */
  readonly id?: string;
  /** The tree goes on after the dump. The apps are told. */
  readonly leaveRunning?: boolean;
  /** The apps are to stay held when this process ends: the notice names no driver. */
  readonly outlived?: boolean;
}

/** Reasons why an app, or the tree, cannot be dumped now. */
export interface Refusal {
  /** The process that refuses; the root of the tree where it is the tree as a whole. */
  readonly pid: number;
  /** One line each. */
  readonly reasons: readonly string[];
  /** What to do about it, where the reasons do not say. Of several refusals that have the same one it is told once. */
  readonly cure?: string;
}

/**
 * The attached processes of one tree, on their way through one checkpoint: all are told, one refusal refuses for all, and
 * every one of them learns the outcome. Disposal tells those that were asked and not told yet: however the caller came there,
 * nobody stays held.
 */
export class Participants implements Disposable {
  readonly noticeId: string;
  /** What went wrong with apps that are ready all the same. */
  readonly warnings: Refusal[] = [];
  /** Those that were found at a point of their own. */
  takenAtPoint: readonly number[] = [];
  readonly pid: number;
  readonly #options: NoticeOptions & SpecialOptions;
  #pages: DriverPage[] = [];
  /** Those that were paused when they were found. */
  readonly #paused = new Set<number>();
  /** Those that were asked, and do not know the outcome yet. */
  readonly #waiting = new Set<DriverPage>();
  #inDoubt: Word = "aborted";
  #renewal: ReturnType<typeof setInterval> | undefined;
  #renewedAt = 0;
  #isRenewedInTime = true;

  private constructor(pid: number, options: NoticeOptions & SpecialOptions) {
    this.pid = pid;
    this.#options = options;
    this.noticeId = options.id ?? newId();
  }

  /**
   * Finds the attached processes of the tree of `pid`.
   * @throws {UsageError} when there is no such process.
   * @throws {PageError} when none is attached (unless `unaware`), when a page is damaged, or without the right to look.
   */
  static async find(pid: number, options: NoticeOptions & SpecialOptions): Promise<Participants> {
    const participants = new Participants(pid, options);
    await participants.#collect();
    return participants;
  }

  get pids(): number[] {
    return this.#pages.map((page) => page.pid);
  }

  /** What the apps say of themselves. */
  apps(): DumpFacts["apps"] {
    return this.#pages.map(describeApp);
  }

  /** The environment variables whose change makes the image unfit. */
  envGate(): string[] {
    return this.#pages.flatMap((page) => page.document()?.envGate ?? []);
  }

  /** When the first of them was started, in milliseconds since 1970: for one that was restored, in its first life. */
  runSince(): number | undefined {
    const times = this.#pages.flatMap((page) => page.document()?.runtime.startedAt ?? []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** The markers that the apps wait for, as they say. */
  markers(): { pid: number; path: string }[] {
    return this.#pages.flatMap((page) =>
      (page.document()?.strategies ?? []).flatMap(({ kind, path }) =>
        kind === "file" && typeof path === "string" ? [{ pid: page.pid, path }] : [],
      ),
    );
  }

  /**
   * Tells every app and waits for all replies; when one refuses, all others are told `aborted`. Resolves with the refusals.
   * @param criuOptions those that CRIU will get. The apps are told their names.
   */
  async prepare(criuOptions: CriuOptions = this.#options.criuOptions ?? {}): Promise<Refusal[]> {
    const { timeoutMs = 10_000, leaseMs = 5_000, strategy, cuda, leaveRunning, signal } = this.#options;
    const now = createClock(await openLibc());
    const notice: Notice = {
      id: this.noticeId,
      sentAt: now(),
      deadline: now() + timeoutMs,
      leaseMs,
      ...(this.#options.outlived ? {} : { driver: { pid: process.pid, namespace: pidNamespace("self") } }),
      criuOptions: [...namesOf(criuOptions), ...(cuda ? ["cuda"] : []), ...(leaveRunning ? ["leaveRunning"] : [])],
    };
    this.#renewedAt = performance.now();
    this.#renewal = setInterval(() => this.#renew(leaseMs), leaseMs / 3);
    const ask = async (page: DriverPage): Promise<Answer> => {
      const standstill = await standstillOf(page.pid, this.#paused.has(page.pid));
      if (standstill) return { reply: "refused", reasons: [describeStandstill(standstill, page.pid)] };
      if (!(await page.lock(timeoutMs, signal))) {
        return { reply: "refused", reasons: [signal?.aborted ? "cancelled" : "another driver is at work on it"] };
      }
      this.#waiting.add(page);
      const ask = (signal: AbortSignal): Promise<Answer> => notify(page, notice, timeoutMs, strategy, signal);
      const { result, standstill: since, isCut } = await unlessStill(page.pid, ask, signal);
      if (!since || result.reply !== "refused") return result;
      return { ...result, reasons: [...(isCut ? [] : result.reasons), describeStandstill(since, page.pid)] };
    };
    // The tree may have grown since it was looked at: the known ones prepare while that is seen to.
    const grown = alongside(() => this.#collect());
    const asked = this.#pages.map(ask);
    const failure = await grown.then(
      () => undefined,
      (error: Error) => error,
    );
    asked.push(...this.#pages.slice(asked.length).map(ask));
    // All of them, in any case: nobody may look at a page that is closed.
    const replies = await Promise.all(asked);
    if (failure) throw failure;
    const refusals = replies.flatMap((reply, i) => {
      const pid = this.pids[i] as number;
      if (reply.reply === "refused") return { pid, reasons: reply.reasons };
      if (reply.warnings) this.warnings.push({ pid, reasons: reply.warnings });
      return [];
    });
    if (refusals.length === 0) {
      this.takenAtPoint = this.#pages.filter((page) => page.status().point === "taken").map(({ pid }) => pid);
      // It may have ended its wait meanwhile, and have prepared for a notice like any other.
      if (this.#options.atPoint && this.takenAtPoint.length === 0)
        refusals.push({ pid: this.pid, reasons: ["no process of its tree is at its point any longer"] });
    }
    if (refusals.length > 0) this.tell("aborted");
    return refusals;
  }

  /** Looks once more, with the apps frozen: those that are not held any more, and so must not be dumped. */
  noLongerHeld(): Refusal[] {
    return this.#pages
      .filter((page) => !page.isHeldBy(this.noticeId))
      .map(({ pid }) => ({ pid, reasons: ["it was no longer held when it was frozen: its lease had run out"] }));
  }

  /**
   * The same for a caller who ran CRIU in between, and perhaps left the apps running: one that CRIU has let go has continued. It is
   * told from one whose lease had run out by the renewals, which came in time.
   */
  lostHolds(): Refusal[] {
    const hasContinued = (pid: number): boolean => {
      const { activeId, outcome } = this.#pages.find((page) => page.pid === pid)?.status() ?? {};
      return activeId === this.noticeId && outcome === "continued";
    };
    return this.noLongerHeld().filter(({ pid }) => !(this.#isRenewedInTime && hasContinued(pid)));
  }

  /** Leaves a launch for all of them. @throws {UsageError} when one would not get it, or none acts on it. */
  leaveLaunch(text: string): void {
    leaveLaunchOn(this.#pages, text);
  }

  /** From here on an image may be made: in doubt that is what the apps are told. Before, they are told that there is none. */
  mayBeDumped(): void {
    this.#inDoubt = "continued";
  }

  /** Tells every app what became of the checkpoint. */
  tell(word: Word): void {
    clearInterval(this.#renewal);
    this.#waiting.clear();
    for (const page of this.#pages) page.tell(this.noticeId, word);
  }

  /** The apps learn the outcome without this process: they come out of the image, or somebody else is to tell them. */
  leaveHeld(): void {
    this.#waiting.clear();
  }

  [Symbol.dispose](): void {
    if (this.#waiting.size > 0) this.tell(this.#inDoubt);
    clearInterval(this.#renewal);
    for (const page of this.#pages) page[Symbol.dispose]();
    this.#pages = [];
  }

  #renew(leaseMs: number): void {
    const now = performance.now();
    if (now - this.#renewedAt >= leaseMs) this.#isRenewedInTime = false;
    this.#renewedAt = now;
    // A hold of another notice ends with its own lease.
    for (const page of this.#pages) if (page.isAt(this.noticeId)) page.renew();
  }

  async #collect(): Promise<void> {
    const { without } = this.#options;
    for (const page of await openAttached(this.pid, { known: this.#pages, without })) {
      this.#pages.push(page);
      if (isPaused(page.pid)) this.#paused.add(page.pid);
    }
    if (this.#pages.length > 0 || this.#options.unaware) return;
    // One that nobody has waited for has no descriptors any more.
    if (aliveSince(this.pid) === undefined) throw new PageError(this.pid, "missing", `Process ${this.pid} has ended.`);
    throw new PageError(
      this.pid,
      "missing",
      `No process in the tree of ${this.pid} is attached, so none can prepare.${attachedAbove(this.pid)} Dump it all the same with --unaware.`,
    );
  }
}
