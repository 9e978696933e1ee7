import { closeSync, openSync } from "node:fs";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import { readUpTo } from "../ffi/read_up_to.ts";
import { messageOf } from "./report.ts";

/** More does not fit into a launch. */
const MOST_BYTES = 2 ** 18;
const line = /^\s*(?:export\s+)?([^\s=#]+)\s*=(.*)$/s;

/**
 * Reads the environment variables of a file: `NAME=VALUE` on each line, in quotes where blanks or `#` count, as for a shell, but nothing is
 * expanded. Empty lines and those that begin with `#` are left out.
 * @throws {UsageError} for a file that cannot be read or is too long, and that names a line which is none of these, without what it says.
 */
export function readEnvFile(path: string): (readonly [name: string, value: string])[] {
  const lines = textOf(path).split(/\r?\n/);
  return lines.flatMap((text, i) => {
    if (/^\s*(#|$)/.test(text)) return [];
    const [, name, value = ""] = line.exec(text) ?? [];
    const read = name === undefined ? undefined : unquoted(value.trim());
    if (name !== undefined && read !== undefined) return [[name, read] as const];
    throw new UsageError(`Line ${i + 1} of ${printable(path)} is no NAME=VALUE, or a quote in it has no end.`);
  });
}

function textOf(path: string): string {
  let bytes: Buffer;
  try {
    const fd = openSync(path, "r");
    try {
      bytes = readUpTo(fd, MOST_BYTES + 1);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new UsageError(`Cannot read the environment file ${printable(path)}: ${messageOf(error)}`);
  }
  if (bytes.length <= MOST_BYTES) return bytes.toString();
  throw new UsageError(`The environment file ${printable(path)} is too long: it may have ${MOST_BYTES} bytes.`);
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** Undefined for a quote without an end. */
function unquoted(text: string): string | undefined {
  const [quote] = text;
  // Each blank is looked at once: what begins with blanks would be tried again at each of them.
  if (quote !== '"' && quote !== "'") return text.replace(/(?<=\s)#.*$/s, "").trimEnd();
  const quoted = quote === "'" ? /^'([^']*)'\s*(?:#.*)?$/s : /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/s;
  const inner = quoted.exec(text)?.[1];
  return quote === "'" ? inner : inner?.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
}
