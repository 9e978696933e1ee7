import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
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
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
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

/** One line; only what `paint` made keeps its escapes, and is as short as we made it. */
function cell(content: string | number): string {
  const text = stripVTControlCharacters(String(content));
  return text.length > WIDEST || text.includes("\n") ? printable(text, WIDEST) : String(content);
}
