import type { CriuOptions } from "./options.ts";
import { UsageError } from "./usage_error.ts";

/** How CRIU is started for a restore, as node:child_process names it. */
export interface TerminalUse {
  readonly stdin: "inherit" | "ignore";
  /** In a session of its own, so that Ctrl-C of a terminal does not kill it in the middle of its work. */
  readonly detached: boolean;
}

/** Without the terminal of this process. */
export const noTerminal: TerminalUse = { stdin: "ignore", detached: true };

/**
 * With `shellJob` CRIU gives its own stdin, session and process group to what it restores (tty_prep_fds() of its tty.c), so they must
 * be those of this process.
 * @throws {UsageError} when stdin is no terminal.
 */
export async function terminalFor({ shellJob }: CriuOptions): Promise<TerminalUse> {
  if (!shellJob) return noTerminal;
  // Not at import: it takes a fourth of the time in which the command starts.
  const { isatty } = await import("node:tty");
  if (!isatty(0)) {
    throw new UsageError(
      "Cannot restore a program of a terminal (--shell-job) here: stdin is no terminal. Run this in a terminal, or start the " +
        "program by: criu-aware run",
    );
  }
  return { stdin: "inherit", detached: false };
}
