import { checkCriuOptions } from "../criu/options.ts";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import { problemKinds } from "../images/problem.ts";
import { MAX_LEASE_MS } from "../lifecycle/time.ts";
import { type StrategyName, strategyNames } from "../strategies/names.ts";

/** The longest time that a timer can have: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** What a value must be, when it is given. */
type Kind = "time" | "lease" | "pid" | "path" | "flag" | "call" | "strategy" | "digests" | "clock" | "force" | "other";

interface Rule {
  is(value: unknown): boolean;
  readonly what: string;
}

const kinds: Readonly<Record<Kind, Rule>> = {
  time: timeUpTo(LONGEST_MS),
  lease: timeUpTo(MAX_LEASE_MS),
  pid: { is: (value) => Number.isSafeInteger(value) && (value as number) > 0, what: "a pid, 1 or more" },
  path: { is: (value) => typeof value === "string" && value !== "", what: "a path" },
  flag: { is: (value) => typeof value === "boolean", what: "true or false" },
  call: { is: (value) => typeof value === "function", what: "a function" },
  strategy: { is: (value) => strategyNames.includes(value as StrategyName), what: strategyNames.join(", ") },
  digests: { is: (value) => value === "quick" || value === "full", what: "quick or full" },
  clock: { is: (value) => value === "continue" || value === "wall", what: "continue or wall" },
  force: {
    is: (value) => typeof value === "boolean" || (Array.isArray(value) && value.every(isProblemKind)),
    what: `true, or a list of ${problemKinds.join(", ")}`,
  },
  /** What is checked where it is used. */
  other: { is: () => true, what: "" },
};

/** The options of a function, all of them. */
export type Known<T> = { readonly [K in keyof Required<T>]: Kind };

/**
 * Checks what a program gives, before anything is begun: a typo would be ignored silently, in JavaScript and in an object that
 * TypeScript does not look into.
 * @throws {UsageError} for an option that there is not, also among those of CRIU, and for a value that is none.
 */
export function checkOptions<T extends object>(given: T, known: Known<T>): void {
  for (const [name, value] of Object.entries(given)) {
    const kind = Object.hasOwn(known, name) ? kinds[known[name as keyof T]] : undefined;
    if (kind === undefined)
      throw new UsageError(`There is no option ${name}: the options are ${Object.keys(known).join(", ")}.`);
    if (value !== undefined && !kind.is(value))
      throw new UsageError(`${name} must be ${kind.what}, not ${said(value)}.`);
  }
  if ("criuOptions" in given) checkCriuOptions(given.criuOptions ?? {});
}

function timeUpTo(longestMs: number): Rule {
  return {
    is: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= longestMs,
    what: `a whole number of milliseconds from 0 to ${longestMs}`,
  };
}

function isProblemKind(value: unknown): boolean {
  return (problemKinds as readonly unknown[]).includes(value);
}

function said(value: unknown): string {
  const isText = typeof value === "string" || Array.isArray(value);
  return isText ? printable(JSON.stringify(value)) : printable(value) || typeof value;
}
