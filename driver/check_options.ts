import { type CriuOptions, checkCriuOptions } from "../criu/options.ts";
import { UsageError } from "../criu/usage_error.ts";
import { type ProblemKind, problemKinds } from "../images/problem.ts";

/** The longest time that a timer can have: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Checks what a program gives, before anything is begun.
 * @throws {UsageError} for an option of CRIU that there is not, for a kind of problem that there is not, and for a time that is negative, not finite or too long.
 */
export function checkOptions(options: {
  readonly criuOptions?: CriuOptions;
  readonly timeoutMs?: number;
  readonly leaseMs?: number;
  readonly force?: boolean | readonly ProblemKind[];
}): void {
  checkCriuOptions(options.criuOptions ?? {});
  const { force = false } = options;
  const kinds = typeof force === "boolean" ? [] : force;
  const unknown = Array.isArray(kinds) ? kinds.find((kind) => !problemKinds.includes(kind)) : String(force);
  if (unknown !== undefined) {
    throw new UsageError(`force must be true, or a list of ${problemKinds.join(", ")}; not ${String(unknown)}.`);
  }
  for (const name of ["timeoutMs", "leaseMs"] as const) {
    const time = options[name];
    if (time === undefined || (time >= 0 && time <= LONGEST_MS)) continue;
    throw new UsageError(`${name} must be a number of milliseconds from 0 to ${LONGEST_MS}, not ${String(time)}.`);
  }
}
