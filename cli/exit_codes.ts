import { UsageError } from "../criu/usage_error.ts";
import { DumpRefusedError } from "../driver/engine.ts";

/** The exit codes of `criu-aware`. They are stable: a script may rely on them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  inPart: 4,
  cancelled: 130,
} as const;

/** One of {@linkcode exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The table that the help prints. */
export const exitCodesHelp: string = `
Exit codes:
  0    done
  1    failed; inspect: something blocks a dump; state: none is valid;
       doctor: a dump could not work
  2    wrong usage: nothing was begun
  3    an app refused the checkpoint: nothing was frozen, every app goes on
  4    dumped or restored, but an app could not rebuild everything, has
       ended, or is not done: see what is printed of each process
  130  cancelled by SIGINT (Ctrl-C) or SIGTERM
  run --foreground: the exit code of its program, 128 + N after signal N
`;

/** The exit code that stands for an error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof DumpRefusedError) return exitCodes.refused;
  if ((error as Error).name === "AbortError") return exitCodes.cancelled;
  return exitCodes.failed;
}
