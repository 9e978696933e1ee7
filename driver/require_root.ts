import { CriuError } from "../criu/errors.ts";

/** @throws {CriuError} */
export function requireRoot(): void {
  if (process.geteuid?.() !== 0) throw new CriuError("start", "CRIU needs root here. Run the same command with sudo.");
}
