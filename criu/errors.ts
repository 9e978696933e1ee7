/** CRIU is missing, too old, or failed. The message holds the first errors of its log and what to do. */
export class CriuError extends Error {
  override readonly name = "CriuError";
  readonly phase: "start" | "dump" | "restore";
  readonly exitCode: number | undefined;
  /** What CRIU says by RPC beside: a number of errno(3). */
  readonly crErrno: number | undefined;
  /** The first errors of CRIU's log. */
  readonly log: readonly string[];

  constructor(
    phase: CriuError["phase"],
    message: string,
    details: { readonly exitCode?: number; readonly crErrno?: number; readonly log?: readonly string[] } = {},
  ) {
    super([message, ...(details.log ?? [])].join("\n  "));
    this.phase = phase;
    this.exitCode = details.exitCode;
    this.crErrno = details.crErrno;
    this.log = details.log ?? [];
  }
}

/** What was asked for cannot be: a wrong pid, directory or option. Nothing was begun. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
