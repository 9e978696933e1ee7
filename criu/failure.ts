import { join } from "node:path";
import type { End } from "./drive.ts";
import { CriuError } from "./errors.ts";
import { firstErrors } from "./log.ts";

/** What to say of a run of CRIU that failed. */
export function runError(phase: "dump" | "restore", imagesDir: string, log: string, end: End): CriuError {
  const { exitCode, crErrno, stderr } = end;
  const file = join(imagesDir, log);
  const errors = firstErrors(file);
  return new CriuError(phase, `CRIU's ${phase} failed with exit code ${exitCode}; see ${file}`, {
    ...(exitCode === null ? {} : { exitCode }),
    ...(crErrno ? { crErrno } : {}),
    log: errors.length > 0 ? errors : stderr.trim().split("\n"),
  });
}

/** @throws {CriuError} */
export function requireRoot(): void {
  if (process.geteuid?.() !== 0) throw new CriuError("start", "CRIU needs root here. Run the same command with sudo.");
}
