import { fileCalls } from "../ffi/files.ts";
import { waitFutex } from "../ffi/futex.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import { openProcess, type ProcessHandle, uidsOf, userOf } from "../ffi/process.ts";
import { statOf } from "../ffi/stat.ts";
import { SystemCallError } from "../ffi/system_call_error.ts";
import type { Notice, Reply } from "../lifecycle/types.ts";
import { type PageDocument, readDocument } from "./document.ts";
import { OVERWRITTEN, PageError } from "./errors.ts";
import { Fields } from "./fields.ts";
import { type FoundPage, findPage } from "./find.ts";
import { type Word, words } from "./layout.ts";
import { type PageStatus, readStatus } from "./status.ts";

const MAX_SIGNAL = 64;
const LOCK_EX_NB = 2 | 4;
/** Much longer than an app takes to write its document; but it may lose its CPU while it does. */
const WRITING_MS = 1000;

/**
 * The driver's half of the page of one process, which is held by a pidfd meanwhile. Nothing on the page is believed: what
 * does not fit is a PageError, and texts are made safe to print.
 */
export class DriverPage implements Disposable {
  readonly pid: number;
  readonly process: ProcessHandle;
  readonly libc: Libc;
  /** Those that it had when its page was opened. */
  readonly #uids: string;
  readonly #memory: FoundPage;
  readonly #fields: Fields;
  #document: PageDocument | undefined;
  #documentSequence = 0;

  private constructor(libc: Libc, process: ProcessHandle, memory: FoundPage) {
    this.libc = libc;
    this.pid = process.pid;
    this.process = process;
    this.#memory = memory;
    this.#uids = uidsOf(process.pid);
    this.#fields = new Fields(libc, memory);
  }

  /**
   * Opens the page of a process.
   * @throws {PageError} `missing` when there is no such process or it is not attached, `forbidden` without the right to look,
   * `damaged` when what it shows is no page.
   */
  static async open(pid: number): Promise<DriverPage> {
    const libc = await openLibc();
    const process = findProcess(libc, pid);
    try {
      const page = new DriverPage(libc, process, findPage(libc, pid));
      // Otherwise the page may be that of another process, which has the pid by now.
      if (process.isAlive()) return page;
      page.#memory[Symbol.dispose]();
      throw ended(pid);
    } catch (error) {
      process[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether this is the very page of `other`: between fork(2) and execve(2) a child shows that of its parent. */
  isSame(other: DriverPage): boolean {
    return this.#memory.inode === other.#memory.inode;
  }

  /**
   * Keeps other drivers away until disposal, or until this process ends: flock(2) on the page. Resolves with false when
   * another driver kept it for `timeoutMs`, or until `signal` aborted.
   */
  async lock(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    for (const end = performance.now() + timeoutMs; performance.now() < end && !signal?.aborted; ) {
      if (fileCalls(this.libc).flock(this.#memory.fd, LOCK_EX_NB) === 0) return true;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return false;
  }

  /**
   * The user of the app: who made its page, and runs the process. The one alone would do for nobody: a page may be made by root
   * before it becomes another user, and may be passed on to a set-user-ID program of root's.
   * @throws {PageError} `damaged` when these are two.
   */
  get uid(): number {
    const { uid } = statOf(this.libc, this.#memory.fd);
    if (userOf(this.pid) === uid) return uid;
    throw this.#damaged(`user ${uid} made it, and the process is not that user's, or no longer`);
  }

  /** @throws {PageError} `damaged`. */
  status(): PageStatus {
    try {
      return readStatus(this.#fields);
    } catch (cause) {
      throw this.#damaged(`${(cause as Error).message.replace(/\.$/, "")}. ${OVERWRITTEN}`);
    }
  }

  /** Whether the app is held by the notice `id`, as only its own page can say. @throws {PageError} `damaged`. */
  isHeldBy(id: string): boolean {
    const { state, activeId } = this.status();
    return state === "held" && activeId === id;
  }

  /** Whether the app waits at a point of its own. @throws {PageError} `damaged`. */
  isAtPoint(): boolean {
    return this.status().point === "waiting";
  }

  /** Whether the notice `id` is the last that the app has begun with. Never throws. */
  isAt(id: string): boolean {
    return this.#fields.is("activeId", id);
  }

  /** What the agent says of itself; undefined while it is being written. */
  document(): PageDocument | undefined {
    const sequence = this.#fields.get("documentSequence");
    if (this.#document === undefined || sequence !== this.#documentSequence) {
      this.#document = readDocument(this.#fields);
      this.#documentSequence = sequence;
    }
    return this.#document;
  }

  /** The document, also when it is being written just now; undefined when it is damaged, or for so long that it must be. */
  async wholeDocument(timeoutMs: number): Promise<PageDocument | undefined> {
    const end = performance.now() + Math.min(timeoutMs, WRITING_MS);
    for (let found = this.document(); ; found = this.document()) {
      if (found || performance.now() >= end) return found;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** The signal that is a notice; undefined when the app takes none by signal. */
  get noticeSignal(): number | undefined {
    return this.#fields.get("noticeSignal") === 0 ? undefined : this.#signal("noticeSignal");
  }

  /** Leaves a notice for the app to find; the signal is to follow. */
  leave(notice: Notice): void {
    this.#fields.setText("notice", JSON.stringify(notice));
  }

  /** Leaves a notice, and sends the signal that the app takes notices by. */
  notify(notice: Notice): void {
    this.leave(notice);
    this.#ring("noticeSignal");
  }

  /** Leaves what a restored app is to get, as JSON: see launch.ts. It must fit. */
  leaveLaunch(text: string): void {
    this.#fields.setText("launch", text);
  }

  /** Takes the notice back: an app that has not begun with it does nothing, one that prepares for it refuses. */
  withdraw(id: string): void {
    if (this.#fields.text("notice").includes(`"${id}"`)) this.#fields.setText("notice", "");
    this.tell(id, "aborted");
  }

  /** Says what became of the notice `id`, and wakes the app. An app that is gone is not told. */
  tell(id: string, word: Word): void {
    this.#fields.set("word", words.indexOf("none"));
    this.#fields.setText("wordId", id);
    this.#fields.set("word", words.indexOf(word));
    this.wake();
  }

  /** Makes the app look at all that it listens to. An app that is gone is not woken. */
  wake(): void {
    try {
      this.#ring("wakeSignal");
    } catch {}
  }

  /** Prolongs the hold by another lease. */
  renew(): void {
    this.#fields.increment("renewals");
    // The app looks at the lease only when it ends; nothing has to wake it.
  }

  /**
   * Resolves once `done` holds for the status, with undefined after `timeoutMs` and when `signal` aborts. Rejects when the
   * process ends.
   */
  async until(
    done: (status: PageStatus) => boolean,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<PageStatus | undefined> {
    const end = performance.now() + timeoutMs;
    for (let turn = 0; ; turn++) {
      const changes = this.#fields.get("changes");
      const status = this.status();
      if (done(status)) return status;
      const left = end - performance.now();
      if (left <= 0 || signal?.aborted) return undefined;
      if (!this.process.isAlive()) throw ended(this.pid);
      if (turn >= 20) {
        await new Promise((resolve) => setTimeout(resolve, Math.min(5, left)));
        continue;
      }
      // Most answers come within a few milliseconds: wait for them in the kernel, and let the event loop live in between.
      if (turn > 0) waitFutex(this.libc, this.#fields.addressOf("changes"), changes, Math.min(1, left));
      if (this.#fields.get("changes") === changes) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Resolves with the answer to the notice `id`, with undefined when there was none within `timeoutMs`, or before `signal` aborted. */
  async reply(id: string, timeoutMs: number, signal?: AbortSignal): Promise<Reply | undefined> {
    const answered = await this.until(
      ({ activeId, reply }) => activeId === id && reply !== "none",
      Math.max(0, timeoutMs),
      signal,
    );
    if (!answered) return undefined;
    return answered.reply === "ready" ? { reply: "ready" } : { reply: "refused", reasons: answered.refusal };
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
    this.process[Symbol.dispose]();
  }

  /** A program of another user that the process has become meanwhile (execve(2), a set-user-ID program) is not signalled. */
  #ring(name: "wakeSignal" | "noticeSignal"): void {
    if (uidsOf(this.pid) !== this.#uids) throw this.#damaged("the process has become that of another user");
    this.#fields.increment("signalsSent");
    this.process.kill(this.#signal(name));
  }

  #signal(name: "wakeSignal" | "noticeSignal"): number {
    const signal = this.#fields.get(name);
    if (signal >= 1 && signal <= MAX_SIGNAL && signal !== 9 && signal !== 19) return signal;
    throw this.#damaged(`${signal} is no signal for a notice`);
  }

  #damaged(why: string): PageError {
    return new PageError(this.pid, "damaged", `Cannot use the page of process ${this.pid}: ${why.replace(/\.$/, "")}.`);
  }
}

function ended(pid: number): PageError {
  return new PageError(pid, "missing", `Process ${pid} has ended.`);
}

function findProcess(libc: Libc, pid: number): ProcessHandle {
  try {
    return openProcess(libc, pid);
  } catch (cause) {
    if (!(cause instanceof SystemCallError && cause.code === "ESRCH")) throw cause;
    throw new PageError(pid, "missing", `There is no process ${pid}.`, { cause });
  }
}
