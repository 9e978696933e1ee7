/** What properties say of values and errors. */
import assert from "node:assert/strict";

/** What could drive a terminal, turn text around, or hide it. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** One line that is safe to print, of at most so many characters and an ellipsis. */
export function isSafe(text: unknown, longest: number = Number.POSITIVE_INFINITY): void {
  assert.equal(typeof text, "string");
  assert.doesNotMatch(text as string, unsafe);
  assert.ok((text as string).length <= longest + 1, `${(text as string).length} characters`);
}

/** Every text in a value, names of members included, is safe to print; every number is finite. */
export function isSafeThroughout(value: unknown): void {
  if (typeof value === "number") assert.ok(Number.isFinite(value));
  if (typeof value === "string") isSafe(value);
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    isSafe(name);
    isSafeThroughout(member);
  }
}

/** A class of errors, or its name for one that is not exported. */
type ErrorClass = abstract new (...args: never[]) => Error;

/**
 * What `action` returns; undefined when it throws an error of one of these classes, whose message is safe to print. Whatever else it
 * throws is thrown on.
 */
export function orError<T>(action: () => T, ...classes: readonly ErrorClass[]): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!classes.some((one) => error instanceof one)) throw error;
    for (const line of (error as Error).message.split("\n")) isSafe(line);
    return undefined;
  }
}
