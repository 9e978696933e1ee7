import { closeSync, constants, fstatSync, readSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { openChecked } from "../ffi/open_checked.ts";
import { printable } from "../ffi/printable.ts";

/** A log may have any size; this much of its end is read. */
const END_BYTES = 4096;
const LINES = 8;

/** The last lines of a log, to be shown. A pipe or a terminal has none: to read it would wait for the program that writes there. */
export function lastWords(log: string): string {
  let end: string;
  try {
    end = readEnd(log);
  } catch (error) {
    return `No lines of ${printable(log)} can be shown: ${printable((error as Error).message)}.`;
  }
  if (end.trim() === "") return `${printable(log)} is empty.`;
  const lines = stripVTControlCharacters(end).trimEnd().split("\n");
  // A long stack would hide what went wrong.
  const told = lines.filter((line) => !/^ +at /.test(line)).slice(-LINES);
  return `The end of ${printable(log)}:\n  ${told.map((line) => printable(line)).join("\n  ")}`;
}

function readEnd(log: string): string {
  const fd = openChecked(log, constants.O_RDONLY, (held) => {
    if (!fstatSync(held).isFile()) throw new Error("it is no regular file");
  });
  try {
    const { size } = fstatSync(fd);
    const end = Buffer.alloc(Math.min(size, END_BYTES));
    return end.toString("utf8", 0, readSync(fd, end, 0, end.length, size - end.length));
  } finally {
    closeSync(fd);
  }
}
