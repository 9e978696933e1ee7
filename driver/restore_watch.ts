import { statSync } from "node:fs";
import { endTrees } from "../ffi/end_tree.ts";
import type { Libc } from "../ffi/libc.ts";
import { openProcess, type ProcessHandle } from "../ffi/process.ts";
import { childrenOf, processTree } from "../ffi/process_tree.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { now } from "./phases.ts";

const LOOK_EVERY_MS = 250;
/** After such a line CRIU ends by itself, or never: its code in the restored processes has crashed, and it waits for them. */
const crashed = /BUG at|pie: .*Error/;
const LAST_CHANCE_MS = 1_000;

/** What to watch. */
export interface Watched {
  readonly libc: Libc;
  /** CRIU's log. */
  readonly log: string;
  /** How long CRIU may stand still, in milliseconds. */
  readonly stalledAfterMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The pid of the restored root, where it becomes a child of this process instead of CRIU's (`restoreSibling`). */
  readonly sibling?: number | undefined;
}

/**
 * Watches a CRIU that restores, and ends it with all that it has made when it is cancelled, or does not go on. A restore may be
 * killed: what is half made is of no use to anybody. (A dump may not: CRIU's code would stay in the app's memory.)
 */
export class RestoreWatch implements Disposable {
  readonly #watched: Watched;
  readonly #cancel = (): void => this.#end("cancelled");
  readonly #held = new DisposableStack();
  #criu: ProcessHandle | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #progress = "";
  #movedAt = 0;
  #crashedAt: number | undefined;
  #hooks = 0;
  #reason: "cancelled" | "stalled" | "refused" | undefined;
  #ended: Promise<void> | undefined;

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /** CRIU was started, with this pid, and was not waited for yet. */
  started(criu: number): void {
    // CRIU may have ended, and its pid have been given anew, before this process hears of it.
    this.#criu = this.#held.use(openProcess(this.#watched.libc, criu));
    this.#movedAt = now();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    const { signal } = this.#watched;
    signal?.addEventListener("abort", this.#cancel);
    if (signal?.aborted) this.#cancel();
  }

  /** Lets a hook do its work: CRIU waits for it, and does not move meanwhile. */
  async pausedFor<T>(hook: () => Promise<T>): Promise<T> {
    this.#hooks++;
    try {
      return await hook();
    } finally {
      this.#hooks--;
      this.#movedAt = now();
    }
  }

  /** Nothing of it may run. Only in a hook, at which CRIU takes no refusal: the processes still stand still. */
  refuse(): void {
    this.#end("refused");
  }

  /** In a moment the processes run: a cancellation comes too late. */
  tooLateToCancel(): void {
    this.#watched.signal?.removeEventListener("abort", this.#cancel);
  }

  /** CRIU has ended: resolves with why it was ended, when it was, once nothing is left of what it has made. */
  async outcome(): Promise<"cancelled" | "stalled" | "refused" | undefined> {
    this[Symbol.dispose]();
    await this.#ended;
    return this.#reason;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.tooLateToCancel();
    this.#held[Symbol.dispose]();
  }

  #end(reason: "cancelled" | "stalled" | "refused"): void {
    if (this.#ended) return;
    const { libc, sibling } = this.#watched;
    const siblings = (childrenOf(process.pid) ?? []).filter((pid) => pid === sibling);
    const roots = siblings.map((pid) => this.#held.use(openProcess(libc, pid)));
    this.#reason = reason;
    this.#ended = endTrees(libc, this.#criu ? [this.#criu, ...roots] : roots);
    // What failed here comes by outcome().
    this.#ended.catch(() => {});
  }

  #look(): void {
    if (this.#hooks > 0) return;
    const { log, stalledAfterMs } = this.#watched;
    const at = now();
    const progress = this.#criu ? progressOf(this.#criu.pid, log) : "";
    if (progress !== this.#progress) this.#movedAt = at;
    this.#progress = progress;
    if (crashed.test(readOrEmpty(log))) this.#crashedAt ??= at;
    const isCrashed = this.#crashedAt !== undefined && at > this.#crashedAt + LAST_CHANCE_MS;
    if (isCrashed || at > this.#movedAt + stalledAfterMs) this.#end("stalled");
  }
}

/** What changes as long as CRIU and its processes do something: the log, processes, their CPU time and what they read and write. */
function progressOf(criu: number, log: string): string {
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  const processes = processTree(criu).map((pid) => {
    const [state, ...fields] = readOrEmpty(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, "")
      .split(" ");
    // One that waits for a disk does something, too.
    const disk = state === "D" ? now() : "";
    // utime and stime, fields 14 and 15 of proc_pid_stat(5).
    return [pid, disk, fields[10], fields[11], readOrEmpty(`/proc/${pid}/io`)].join(" ");
  });
  return [size, ...processes].join("\n");
}
