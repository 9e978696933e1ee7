/** Names are seldom longer, and a table or a refusal stays readable. */
const LONGEST = 1024;

/**
 * Controls (ESC and the C1 controls drive a terminal), format characters (they turn text around or hide it: U+202E, U+2066), line
 * and paragraph separators, and halves of surrogate pairs: UAX #44, general categories.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Text of somebody else, safe to print: the name of a file, a process or a tensor, what a page, a socket or an image says. It is one
 * line, and cannot drive a terminal; what could is shown as U+FFFD, and after `longest` characters it ends in an ellipsis. The one
 * owner of this rule: what crosses a border out goes through it.
 */
export function printable(value: unknown, longest: number = LONGEST): string {
  const text = typeof value === "object" ? "" : String(value ?? "");
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return short.replace(unsafe, "�");
}
