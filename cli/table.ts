import { stripVTControlCharacters } from "node:util";
import { printable } from "../ffi/printable.ts";
import { paint } from "./paint.ts";

// No lines: they cost width, and a script that takes columns apart would stumble.
const none = Object.fromEntries(
  [
    ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
    ["left", "left-mid", "mid", "mid-mid", "right", "right-mid"],
  ]
    .flat()
    .map((part) => [part, ""]),
);

/** Characters of the widest cell: a longer one would take the whole table apart. */
const WIDEST = 100;
/** Rows that are shown: nobody reads more, and to lay out a table takes the square of its rows. */
const MOST_ROWS = 500;

/** Columns of text under a heading, for a terminal of 80 columns. What is longer than a cell may be ends in an ellipsis; rows after the first 500 are only counted. */
export async function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const columns = new Table({
    chars: { ...none, middle: "  " },
    head: head.map((word) => paint("dim", word)),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows.slice(0, MOST_ROWS)) columns.push(row.map(cell));
  const lines = columns
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
  const more = rows.length > MOST_ROWS ? [`and ${rows.length - MOST_ROWS} more; --json shows all`] : [];
  return [...lines, ...more].join("\n");
}

/** Narrower than this, the last column says nothing. */
const NARROWEST = 20;

/** The same rows, their last cells cut so that no line is wider than the terminal, or 80 columns where there is none. */
export function fitLast(head: readonly string[], rows: readonly (readonly string[])[]): string[][] {
  const widths = head.map((word, column) => Math.max(word.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const others = widths.slice(0, -1).reduce((sum, width) => sum + Math.min(width, WIDEST) + 2, 0);
  const left = Math.max(NARROWEST, (process.stdout.columns || 80) - others);
  return rows.map((row) => row.map((text, column) => (column === head.length - 1 ? cut(text, left) : text)));
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/** One line; only what `paint` made keeps its escapes, and is as short as we made it. */
function cell(content: string | number): string {
  const text = stripVTControlCharacters(String(content));
  return text.length > WIDEST || text.includes("\n") ? printable(text, WIDEST) : String(content);
}
