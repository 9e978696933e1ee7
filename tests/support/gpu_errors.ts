import assert from "node:assert/strict";
import { StateError, type StateErrorCode } from "../../gpu/mod.ts";

/** Asserts that `action` throws a StateError of `code`, with a message that matches. */
export function throwsCode(action: () => unknown, code: StateErrorCode, message: RegExp = /./): void {
  assert.throws(action, (error: unknown) => {
    assert.ok(error instanceof StateError, `not a StateError: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

/** The same for a promise. */
export async function rejectsCode(
  promise: Promise<unknown>,
  code: StateErrorCode,
  message: RegExp = /./,
): Promise<void> {
  const settled = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  throwsCode(
    () => {
      if (settled) throw settled.error;
    },
    code,
    message,
  );
}
