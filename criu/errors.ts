import type { Explanation } from "./failures.ts";

/** CRIU is missing, too old, or failed. The message holds the first errors of its log, what they mean and what to do. */
export class CriuError extends Error {
  override readonly name = "CriuError";
  readonly phase: "start" | "dump" | "restore";
  readonly exitCode: number | undefined;
  /** What CRIU says by RPC beside: a number of errno(3). */
  readonly crErrno: number | undefined;
  /** What is the matter and what to do, when that is known. */
  readonly explanation: Explanation | undefined;
  /** The first errors of CRIU's log. */
  readonly log: readonly string[];

  constructor(
    phase: CriuError["phase"],
    message: string,
    details: Partial<Pick<CriuError, "exitCode" | "crErrno" | "explanation" | "log">> = {},
  ) {
    super([message, ...(details.log ?? [])].join("\n  "));
    this.phase = phase;
    this.exitCode = details.exitCode;
    this.crErrno = details.crErrno;
    this.explanation = details.explanation;
    this.log = details.log ?? [];
  }
}

/** What was asked for cannot be: a wrong pid, directory or option. Nothing was begun. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
