import { closeSync, openSync } from "node:fs";
import { UsageError } from "../criu/usage_error.ts";

/** More than a dump of a tree of ordinary size, or a restore, opens at a time. */
const NEEDED = 32;

/**
 * Makes sure that this process may open what a dump or a restore needs: in the middle of it, whatever cannot be opened would look as
 * if it were not there.
 * @throws {UsageError} when it may not.
 */
export function requireDescriptors(): void {
  const opened: number[] = [];
  try {
    while (opened.length < NEEDED) opened.push(openSync("/dev/null", "r"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EMFILE" && code !== "ENFILE") return;
    const whose = code === "EMFILE" ? "this process is" : "this machine is";
    throw new UsageError(
      `Cannot begin: ${whose} at the limit of open files (${code}), and ${NEEDED} more are needed. Raise it: ulimit -n.`,
    );
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
