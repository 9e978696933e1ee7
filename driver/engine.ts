import type { CriuOptions } from "../criu/options.ts";
import { printable } from "../ffi/printable.ts";
import type { Digests } from "../images/digest.ts";
import type { Problem, ProblemKind } from "../images/problem.ts";
import type { RestoreStats } from "../images/types.ts";
import type { LaunchOptions, Outcome, RecoveryFailure, Round } from "../lifecycle/types.ts";
import type { CudaDumpOptions, CudaRestoreOptions } from "./cuda/processes.ts";
import type { NoticeOptions, Refusal } from "./participants.ts";

/** Something that can dump a process tree whose apps know about it, and restore it. */
export interface Engine {
  /** How CRIU is run; `simulate` does without it. */
  readonly kind: "rpc" | "command" | "simulate";
  /**
   * Dumps the tree of `pid` into `imagesDir`. Every attached process in it is told first, and all must be ready.
   * @throws {UsageError} when there is no such process, or CRIU cannot dump it from here: this process runs below it, or it is a
   * `criu-aware run --foreground`; when the directory is not empty, another dump has it, or others may look
   * into it or replace it (unless `trustImages`).
   * @throws {PageError} when no process of the tree is attached, or one may not be looked into.
   * @throws {DumpRefusedError} when an app refused, or none came to its point (`atPoint`): nothing was dumped, all go on.
   * @throws {CriuError} when CRIU failed: the directory is as it was before, all go on. CRIU's log is elsewhere (`logFile`).
   * @throws what `signal` was aborted with. All go on, and are told `aborted`.
   */
  dump(options: DumpOptions): Promise<DumpResult>;
  /**
   * Restores what is in `imagesDir` and waits until its apps are rebuilt.
   * @throws {UsageError} when there is no image, or others may have put it there and `trustImages` is not given.
   * @throws {UnfitImagesError} when the images are damaged or do not fit this machine, and `force` does not let that pass.
   * @throws {CriuError} when CRIU failed, or did not go on for `timeoutMs` (it is then ended with all that it has made), and when a
   * pid or thread id of the app is taken.
   * @throws what `signal` was aborted with: nothing was restored. A half-made tree is ended at once.
   */
  restore(options: RestoreOptions): Promise<RestoreResult>;
}

/** What to dump, and how. */
export interface DumpOptions extends NoticeOptions {
  /** The root of the tree. */
  readonly pid: number;
  /** Made if it is not there (mode 0700); must be empty, and for its owner only. No other dump gets it meanwhile. */
  readonly imagesDir: string;
  /** Take the directory as it is, although others may read or replace what is in it: a volume of a container. @default false */
  readonly trustImages?: boolean;
  /**
   * Where CRIU works: its log and its numbers, which come beside the images when the dump is done. Made if it is not there (mode 0700).
   * @default a new directory among the temporary files, which stays only when the dump fails
   */
  readonly workDir?: string;
  /** The tree goes on after the dump. @default false */
  readonly leaveRunning?: boolean;
  /** Words of the user's own, kept in the manifest. */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Files, directories and patterns (`*`, `**`, `{a,b}`) that the program depends on and that nobody can see: the manifest knows them
   * again, besides the scripts, modules and lock files that `describeProgram` of criu-aware/images finds. Relative to the working
   * directory of this process.
   */
  readonly depends?: readonly string[];
  /** Write a manifest beside the images. Without one they are restored only with `force`. @default true */
  readonly manifest?: boolean;
  /** How thoroughly the manifest knows the images again: see `writeManifest`. @default "quick" */
  readonly digests?: Digests;
  /**
   * Hands CUDA work over to the process checkpoint of NVIDIA's driver, once all apps are ready and before CRIU looks: GPU memory
   * becomes memory of the process, and the device files are closed. The apps are told that (`cuda` among the names of CRIU's
   * options), so that they need not close them. Needs CUDA 12.8 (driver 570). @default false
   */
  readonly cuda?: boolean | CudaDumpOptions;
  /** Blockers to leave out of account: kinds, or texts that occur in what they are. */
  readonly ignore?: readonly string[];
  /**
   * Called at each hook of CRIU's, by its own name (the command engine: `pre-dump`, when all are ready, and `post-dump`). CRIU
   * waits for it; to throw refuses the dump.
   */
  readonly onHook?: OnHook;
  /** Told what happens, as it happens. */
  readonly onPhase?: (phase: Phase) => void;
}

/** `pid` is that of the root where CRIU names it: at `post-restore`, and by the command engine after it as well. */
export type OnHook = (hook: string, pid?: number) => void | Promise<void>;

/** A moment in a dump or restore; `at` is milliseconds since 1970. */
export interface Phase {
  /** What has just happened, in the order of this list. */
  readonly name:
    | "waiting for the point"
    | "notice"
    | "ready"
    | "frozen"
    | "dumped"
    | "recorded"
    | "restoring"
    | "waiting for the pid"
    | "restored"
    | "rebuilt";
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What a dump did. Durations in milliseconds. */
export interface DumpResult {
  /** Names this checkpoint in logs, on agent pages and in the manifest. */
  readonly noticeId: string;
  /** The attached processes of the tree. */
  readonly pids: readonly number[];
  /** From the first notice until all apps were held. */
  readonly noticeToReadyMs: number;
  /** The whole dump, the notice and CRIU's own start included. */
  readonly dumpMs: number;
  /** Whether the tree goes on. */
  readonly leftRunning: boolean;
  /**
   * With `leaveRunning`, what became of the attached processes: all went well only when none has `errors`. The image is whole all the
   * same. Empty without, for the tree has ended.
   */
  readonly processes: readonly RecoveredProcess[];
  /** What went wrong with apps that were ready all the same: a strategy that does not reach one any more. */
  readonly warnings: readonly Refusal[];
}

/** What to restore, and how. */
export interface RestoreOptions {
  /** The directory of a dump. */
  readonly imagesDir: string;
  /** Told what may go wrong, and what `force` lets pass. */
  readonly onProblem?: (problem: Problem) => void;
  /**
   * Restore in spite of problems: of these kinds, or, with true, of all kinds but `file`: images that are damaged are restored only
   * when that is named. @default false
   */
  readonly force?: boolean | readonly ProblemKind[];
  /**
   * Restore also images that others may write or replace, which gives them all that a restored process may do. For volumes of a
   * container whose owner is another user. Images that others may only read need no option. @default false
   */
  readonly trustImages?: boolean;
  /**
   * Where CRIU works: its log, its numbers and its pid file, which are never written into the images. Made if it is not there (mode 0700).
   * @default a new directory among the temporary files, which stays only when the restore fails
   */
  readonly workDir?: string;
  /**
   * How the monotonic clock of the tree goes on, by which all timers go. `wall`: it is later by the time as an image, as if the tree had
   * only been stopped, so that what fell due meanwhile is done at once, and once. `continue`: from where it was, as CRIU has it, so that
   * timers are late by that time. Where it cannot be moved, `wall` that is given refuses the restore (a problem of kind `clock`), and the
   * default only warns. docs/resources/clocks.md says what each does to timers, caches and leases. @default "wall"
   */
  readonly clock?: "continue" | "wall";
  /** How long to wait for ids that are still taken, for a CRIU that stands still, and for the apps, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** Options of CRIU itself, besides those of the dump that a restore needs as well. */
  readonly criuOptions?: CriuOptions;
  /**
   * Let the apps run before their memory is read: what they use comes from the images at that moment, by `criu lazy-pages`, and the rest
   * meanwhile. That daemon is started here, and ends by itself with the last page; until then the apps need it: without it the memory
   * that is missing would be zeros. Needs userfaultfd (`criu-aware doctor`). Its log is in the `workDir`. @default false
   */
  readonly lazy?: boolean;
  /**
   * What the restored apps are told: environment, arguments, working directory, and values of your own. It travels by their pages, and
   * reaches them before anything of them runs; nothing of it is written into files or logs. A launch that would not arrive, or on
   * which no app acts, is a UsageError, and nothing runs then.
   */
  readonly launch?: LaunchOptions;
  /**
   * Takes CUDA work back from the process checkpoint of NVIDIA's driver, as soon as the tree runs; what was not handed over is
   * left alone. Always done for images whose manifest says that the dump has handed it over. @default false
   */
  readonly cuda?: boolean | CudaRestoreOptions;
  /**
   * Called at each hook of CRIU's, by its own name. CRIU waits for it; to throw refuses the restore at `pre-restore` and
   * `post-restore`, and is too late afterwards.
   */
  readonly onHook?: OnHook;
  /** Cancels, as long as nothing was restored. */
  readonly signal?: AbortSignal;
  /** Told what happens, as it happens. */
  readonly onPhase?: (phase: Phase) => void;
}

/** What a restore did. */
export interface RestoreResult {
  /** The root of the restored tree. */
  readonly pid: number;
  /** From the start of CRIU to its end, in milliseconds. */
  readonly restoreMs: number;
  /** The memory that was read from the images. */
  readonly bytes: number;
  /** What CRIU says of it, when it does. */
  readonly stats?: RestoreStats | undefined;
  /**
   * The attached processes of the tree, as they say themselves, and those that should be there and are not. The restore is done
   * only when none has `errors`.
   */
  readonly processes: readonly RecoveredProcess[];
}

/** One attached process after a checkpoint. */
export interface RecoveredProcess {
  /** Its pid, as this process sees it. */
  readonly pid: number;
  /** What it says became of the checkpoint; undefined when it does not say. */
  readonly outcome: Outcome | undefined;
  /** How many times it was restored; simulated restores do not count. */
  readonly generation: number;
  /** The times of its checkpoint; undefined when it does not say. */
  readonly round: Round | undefined;
  /** What is wrong with it: that it has ended, is not done, or what it could not rebuild. Empty when all is well. */
  readonly errors: readonly RecoveryFailure[];
}

/** At least one app refused the checkpoint. Nothing was frozen; every app goes on, and has been told `aborted`. */
export class DumpRefusedError extends Error {
  /** @ignore */
  override readonly name = "DumpRefusedError";
  /** Who refused, and why. */
  readonly refusals: readonly Refusal[];
  /** CRIU's log, in the `workDir` that was given: it says no more than the reasons. */
  readonly logFile: string | undefined;

  /** @ignore */
  constructor(refusals: readonly Refusal[], logFile?: string) {
    const lines = [...Map.groupBy(refusals, ({ cure }) => cure)].flatMap(([cure, members]) => [
      ...members.flatMap(({ pid, reasons }) => reasons.map((reason) => `process ${pid}: ${reason}`)),
      ...(cure === undefined ? [] : [`→ ${cure}`]),
    ]);
    if (logFile !== undefined) lines.push(`CRIU's log: ${printable(logFile)}`);
    super(`The dump is refused, every app goes on:\n  ${lines.join("\n  ")}`);
    this.refusals = refusals;
    this.logFile = logFile;
  }
}
