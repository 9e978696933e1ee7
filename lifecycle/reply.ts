import { NoticeError } from "./notice.ts";
import type { Reply } from "./types.ts";

const MAX_REASONS = 256;
const MAX_REASON_LENGTH = 8192;

/**
 * Checks a value that should be the reply to a notice, from JSON that anybody may have written, and returns it without unknown
 * members. The reasons of a refusal are cut to 256, and each to 8192 characters; they are not safe to print yet.
 * @throws {NoticeError} when it is no reply.
 */
export function checkReply(value: unknown): Reply {
  const { reply, reasons } = Object(value) as Record<string, unknown>;
  if (reply === "ready") return { reply };
  if (reply !== "refused") throw new NoticeError('Cannot read a reply: `reply` must be "ready" or "refused".');
  // A refusal counts, whatever it gives as its reasons.
  const list: unknown[] = Array.isArray(reasons) ? reasons.slice(0, MAX_REASONS) : [];
  return { reply, reasons: list.map(textOf) };
}

/** An object is no reason; to write it out could take any depth. */
function textOf(reason: unknown): string {
  return typeof reason === "object" ? "an unknown reason" : String(reason).slice(0, MAX_REASON_LENGTH);
}
