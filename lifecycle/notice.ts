import { MAX_LEASE_MS } from "./time.ts";
import type { Notice, Writable } from "./types.ts";

/** Something arrived that is no notice. */
export class NoticeError extends Error {
  override readonly name = "NoticeError";
}

/**
 * Checks a value that should be a notice, from JSON that anybody may have written, and returns it without unknown members.
 * @throws {NoticeError} when a member is missing or has the wrong type or size.
 */
export function checkNotice(value: unknown): Notice {
  const given = Object(value) as Record<string, unknown>;
  const { id, driver, criuOptions } = given;
  if (typeof id !== "string" || !/^[\w.-]{1,36}$/.test(id)) {
    throw new NoticeError("Cannot read a notice: `id` must be 1 to 36 letters, digits, '-', '_' or '.'.");
  }
  const notice: Writable<Notice> = { id };
  for (const name of ["sentAt", "deadline", "leaseMs"] as const) {
    const time = given[name];
    if (time === undefined) continue;
    if (!Number.isFinite(time) || (time as number) < 0 || (name === "leaseMs" && (time as number) > MAX_LEASE_MS)) {
      throw new NoticeError(`Cannot read a notice: \`${name}\` must be a number of milliseconds.`);
    }
    notice[name] = time as number;
  }
  if (criuOptions !== undefined) {
    if (!Array.isArray(criuOptions) || criuOptions.length > 99 || !criuOptions.every(isName)) {
      throw new NoticeError("Cannot read a notice: `criuOptions` must be at most 99 short names.");
    }
    notice.criuOptions = criuOptions;
  }
  const { pid, namespace } = Object(driver) as Record<string, unknown>;
  const isPid = Number.isSafeInteger(pid) && (pid as number) > 0;
  if (isPid && typeof namespace === "string") notice.driver = { pid: pid as number, namespace };
  return notice;
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length < 99;
}
