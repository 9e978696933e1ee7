import type { CriuOption } from "./options.ts";

/** What a failure of CRIU means, and what to do. */
export interface Explanation {
  /** What is the matter, in one sentence. */
  readonly meaning: string;
  /** What to do, in one sentence. */
  readonly cure: string;
  /** Options of CRIU; any one of them helps. Empty when none does. */
  readonly options: readonly CriuOption[];
}

/** CRIU is missing, too old, or failed. The message holds the first errors of its log, what they mean and what to do. */
export class CriuError extends Error {
  /** @ignore */
  override readonly name = "CriuError";
  /** What CRIU was doing; `start`: it was not found, or did not run at all. */
  readonly phase: "start" | "dump" | "restore";
  /** That of CRIU; undefined when it was not started, or a signal ended it. */
  readonly exitCode: number | undefined;
  /** What CRIU says by RPC beside: a number of errno(3). */
  readonly crErrno: number | undefined;
  /** What is the matter and what to do, when that is known. */
  readonly explanation: Explanation | undefined;
  /** The first errors of CRIU's log. */
  readonly log: readonly string[];
  /** The whole log, where CRIU has written one. */
  readonly logFile: string | undefined;

  /** @ignore */
  constructor(
    phase: CriuError["phase"],
    message: string,
    details: Partial<Pick<CriuError, "exitCode" | "crErrno" | "explanation" | "log" | "logFile">> = {},
  ) {
    super([message, ...(details.log ?? [])].join("\n  "));
    this.phase = phase;
    this.exitCode = details.exitCode;
    this.crErrno = details.crErrno;
    this.explanation = details.explanation;
    this.log = details.log ?? [];
    this.logFile = details.logFile;
  }
}

/** What to say of a CRIU that a signal has ended. */
export function killedBy(signal: string): string {
  return `CRIU was killed (${signal}), by somebody or by a kernel that lacks memory (dmesg): try again`;
}
