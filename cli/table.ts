import Table from "cli-table3";
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

/** Columns of text under a heading, for a terminal of 80 columns. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const columns = new Table({
    chars: { ...none, middle: "  " },
    head: head.map((word) => paint("dim", word)),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  columns.push(...rows.map((row) => row.map(String)));
  return columns
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
