/** Names are seldom longer, and a table or a refusal stays readable. */
const LONGEST = 1024;

/** For a whole message: it may name a path, which has up to 4,096 characters, and another one. */
export const LONGEST_MESSAGE = 10_240;

/**
 * Controls (ESC and the C1 controls drive a terminal), format characters (they turn text around or hide it: U+202E, U+2066), line
 * and paragraph separators, and halves of surrogate pairs: UAX #44, general categories.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** What a text of ours has besides: lines, tabs, and the colours of cli/paint.ts (SGR of ECMA-48). */
const ours = "[\\n\\t]|\\x1b\\[(?:1|2|22|3[1-3]|39)m";

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

/**
 * A whole text of this program's own, safe to print: its lines, tabs and colours stay. A second net at the exit: what others say in it
 * went through {@linkcode printable} where it was put in, for only there is known that it must not have lines and colours.
 */
export function printableText(text: string): string {
  return text.replace(new RegExp(`(${ours})|${unsafe.source}`, "gu"), (_, own?: string) => own ?? "�");
}

/** What JSON.stringify made, safe to print, and the same value for whoever parses it: the unsafe characters that it leaves as `\uXXXX`. */
export function printableJson(json: string): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  // By UTF-16 units: one above U+FFFF has two.
  return json.replace(unsafe, (found) => found.split("").map(escaped).join(""));
}
