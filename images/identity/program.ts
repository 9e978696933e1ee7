import type { SourceFile } from "./source_file.ts";
import type { StartMark } from "./start_mark.ts";

/** What a dumped tree is: how its root was started, and the files that its processes have loaded. */
export interface Program {
  /** The command line of the root; undefined when the program has written over it (`process.title` in Deno). */
  readonly command?: readonly string[];
  /** How `criu-aware run` has started it: the command line may be another one by now (env(1), a shell that runs another program in its place). */
  readonly started?: StartMark;
  /** Its working directory. */
  readonly cwd: string;
  /** The file that it runs: of a script, its runtime. */
  readonly executable: string;
  /** Since when it has run at the latest, in milliseconds since 1970. */
  readonly startedAt: number;
  /**
   * What was loaded, as far as that can be seen, see {@linkcode describeProgram}. Undefined for a tree with mounts of its own: their
   * paths mean nothing to who made the dump.
   */
  readonly files?: readonly SourceFile[];
  /** Files and patterns that the user has named, absolute. */
  readonly depends: readonly string[];
}
