import { join } from "node:path";
import { CriuError } from "../criu/errors.ts";
import { firstErrors, printedLines } from "../criu/log.ts";
import { flagOf } from "../criu/options.ts";
import type { End } from "../criu/run.ts";
import { printable } from "../ffi/printable.ts";
import { explain } from "./failures/explain.ts";

/** What to say of a run of CRIU that failed; `what` happened, unless it ended by itself. */
export function runError(
  phase: "dump" | "restore",
  imagesDir: string,
  log: string,
  end: End,
  what: string = `CRIU's ${phase} failed with exit code ${end.exitCode}`,
): CriuError {
  const { exitCode, crErrno, stderr } = end;
  const file = join(imagesDir, log);
  const errors = firstErrors(file);
  const lines = errors.length > 0 ? errors : printedLines(stderr);
  const explanation = explain(lines, phase);
  const message = [`${what}; see ${printable(file)}`];
  if (explanation) {
    const { meaning, cure, options } = explanation;
    const flags = options.map(flagOf).join(" or ");
    message.push(`${meaning} ${cure}${flags ? ` Or give CRIU ${flags}.` : ""}`, "CRIU says:");
  }
  return new CriuError(phase, message.join("\n  "), {
    ...(exitCode === null ? {} : { exitCode }),
    ...(crErrno ? { crErrno } : {}),
    ...(explanation ? { explanation } : {}),
    log: lines,
  });
}

/** @throws {CriuError} */
export function requireRoot(): void {
  if (process.geteuid?.() !== 0) throw new CriuError("start", "CRIU needs root here. Run the same command with sudo.");
}
