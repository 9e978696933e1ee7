import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { CriuError, type Explanation, killedBy } from "../criu/errors.ts";
import { errorsIn, firstErrors, printedLines } from "../criu/log.ts";
import { flagOf } from "../criu/options.ts";
import type { End } from "../criu/run.ts";
import { printable } from "../ffi/printable.ts";
import { causesIn } from "./failures/consequences.ts";
import { explain } from "./failures/explain.ts";

/** What a person reads of an error. */
const MOST_LINES = 5;

/** What to say of a run of CRIU that failed; `what` happened, unless it ended by itself. */
export function runError(
  phase: "dump" | "restore",
  logFile: string,
  end: End,
  what: string = end.signal ? killedBy(end.signal) : `CRIU's ${phase} failed with exit code ${end.exitCode}`,
): CriuError {
  const { exitCode, crErrno, stderr } = end;
  const lines = causesIn(errorsOf(logFile, stderr)).slice(0, MOST_LINES);
  const explanation = explain(lines, phase) ?? (isFull(dirname(logFile)) ? logIsCutOff(dirname(logFile)) : undefined);
  const hasLog = existsSync(logFile);
  const message = [hasLog ? `${what}; see ${printable(logFile)}` : what];
  if (explanation) {
    const { meaning, cure, options } = explanation;
    const flags = options.map(flagOf).join(" or ");
    message.push(`${meaning} ${cure}${flags ? ` Or give CRIU ${flags}.` : ""}`);
  }
  if (lines.length > 0) message.push("CRIU says:");
  return new CriuError(phase, message.join("\n  "), {
    ...(exitCode === null ? {} : { exitCode }),
    ...(crErrno ? { crErrno } : {}),
    ...(explanation ? { explanation } : {}),
    ...(hasLog ? { logFile } : {}),
    log: lines,
  });
}

/** What CRIU's log says, or, before it has one, what it prints. */
function errorsOf(logFile: string, stderr: string): string[] {
  const [logged, printed] = [firstErrors(logFile, Number.POSITIVE_INFINITY), errorsIn(stderr)];
  return logged.length > 0 ? logged : printed.length > 0 ? printed : printedLines(stderr);
}

function isFull(directory: string): boolean {
  try {
    return statfsSync(directory).bavail === 0;
  } catch {
    return false;
  }
}

function logIsCutOff(directory: string): Explanation {
  return {
    meaning: `The disk of ${printable(directory)} is full: CRIU's log is cut off, and CRIU may have failed for that.`,
    cure: "Make room there, or name a directory on another disk with --work-dir.",
    options: [],
  };
}
