import { closeSync, fstatSync, openSync } from "node:fs";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import { readUpTo } from "../ffi/read_up_to.ts";
import { say } from "./report.ts";

/** No password or key is longer; what is, such as /dev/zero, may have no end. */
const MOST_BYTES = 1024 ** 2;
const STDIN = 0;

/** Where a text to look for comes from. */
export interface FindFlags {
  /** The text; `-` stands for stdin. */
  readonly find?: string;
  readonly findFile?: string;
}

/**
 * The text to look for: undefined when none is asked for. Of a file or stdin the newline at the end does not count.
 * @throws {UsageError} when it is empty, too long or cannot be read. The text itself is never in the message.
 */
export function wantedText({ find, findFile }: FindFlags): string | undefined {
  if (find === undefined && findFile === undefined) return undefined;
  const text = findFile !== undefined ? readText(findFile) : find === "-" ? readText(STDIN) : find;
  if (!text) throw new UsageError("Cannot look for nothing: name a text of at least one letter.");
  return text;
}

function readText(from: string | typeof STDIN): string {
  let bytes: Uint8Array;
  try {
    bytes = typeof from === "string" ? readFile(from) : readStdin();
  } catch (error) {
    const what = from === STDIN ? "stdin" : printable(from);
    throw new UsageError(`Cannot read the text to look for from ${what}: ${(error as Error).message}`);
  }
  return new TextDecoder().decode(bytes).replace(/\r?\n$/, "");
}

function readStdin(): Uint8Array {
  if (process.stdin.isTTY) say("Type the text to look for, then Enter and Ctrl-D:");
  return readAll(STDIN);
}

/** Also a pipe: `--find-file <(pass show db)`. */
function readFile(path: string): Uint8Array {
  const fd = openSync(path, "r");
  try {
    if (fstatSync(fd).isDirectory()) throw new Error("it is a directory");
    return readAll(fd);
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number): Uint8Array {
  const bytes = readUpTo(fd, MOST_BYTES + 1);
  if (bytes.length > MOST_BYTES) throw new Error("it has more than 1 MiB");
  return bytes;
}
