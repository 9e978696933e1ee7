import type { Notice } from "./types.ts";

const MAX_LEASE_MS = 600_000;

/** Something arrived that is no notice. */
export class NoticeError extends Error {
  override readonly name = "NoticeError";
}

/**
 * Reads a notice from JSON text that anybody may have written; unknown members are ignored.
 * @throws {NoticeError} when it is not JSON, or a member has the wrong type or size.
 */
export function parseNotice(text: string): Notice {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NoticeError("Cannot read a notice: it is not JSON.", { cause });
  }
  return checkNotice(value);
}

/**
 * Checks a value that should be a notice, and returns it without unknown members.
 * @throws {NoticeError} when a member is missing or has the wrong type or size.
 */
export function checkNotice(value: unknown): Notice {
  const { id, sentAt, deadline, leaseMs, driver } = Object(value) as Record<string, unknown>;
  if (typeof id !== "string" || !/^[\w.-]{1,36}$/.test(id)) {
    throw new NoticeError("Cannot read a notice: `id` must be 1 to 36 letters, digits, '-', '_' or '.'.");
  }
  const { pid, namespace } = Object(driver) as Record<string, unknown>;
  return {
    id,
    ...optional("sentAt", sentAt, Number.MAX_SAFE_INTEGER),
    ...optional("deadline", deadline, Number.MAX_SAFE_INTEGER),
    ...optional("leaseMs", leaseMs, MAX_LEASE_MS),
    ...(typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 && typeof namespace === "string"
      ? { driver: { pid, namespace } }
      : {}),
  };
}

function optional<K extends string>(name: K, value: unknown, max: number): { [key in K]?: number } {
  if (value === undefined) return {};
  if (typeof value === "number" && value >= 0 && value <= max) return { [name]: value } as { [key in K]: number };
  throw new NoticeError(`Cannot read a notice: \`${name}\` must be a number from 0 to ${max}.`);
}
