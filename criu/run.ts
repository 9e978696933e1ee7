import type { CriuOptions } from "./options.ts";

/** The name of the file in the work directory that says the pid of a restored tree. */
export const PID_FILE = "criu-aware.pid";

/** One run of CRIU, as the flow of a dump or a restore wants it. */
export interface Run {
  readonly imagesDir: string;
  /** Where CRIU works: all that it writes, but images. Of its own, for nobody else. */
  readonly workDir: string;
  /** The name of CRIU's log in it. */
  readonly log: string;
  readonly criuOptions: CriuOptions;
  /**
   * Asked at a hook of CRIU's, by CRIU's own name, at least at `pre-dump` and `post-dump`: resolves with whether CRIU may go on.
   * `pid` comes where CRIU says it.
   */
  onHook(hook: string, pid?: number): Promise<boolean>;
  /** Told the pid of CRIU, as soon as it has one. */
  onStart(pid: number): void;
}

/** A dump. */
export interface DumpRun extends Run {
  readonly pid: number;
  readonly leaveRunning: boolean;
}

/** A restore. */
export interface RestoreRun extends Run {
  /** False when `onHook` has nothing to say: an engine that pays for being asked can save that. */
  readonly asks: boolean;
}

/** How a run of CRIU ended. */
export interface End {
  readonly exitCode: number | null;
  /** The number that CRIU names by RPC: one of errno(3). */
  readonly crErrno?: number;
  /** The signal that has ended it. */
  readonly signal?: string;
  /** What CRIU said apart from its log. */
  readonly stderr: string;
}

/** A way to run CRIU. */
export interface Runner {
  /** The binary. */
  readonly criu: string;
  /** The version of CRIU. Rejects with CriuError when it does not start, or is too old. */
  version(): Promise<string>;
  dump(run: DumpRun): Promise<End>;
  restore(run: RestoreRun): Promise<End & { readonly pid: number }>;
}
