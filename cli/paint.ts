import { styleText } from "node:util";

/** The colours there are. What is printed keeps their escapes and no others: ffi/printable.ts. */
export const colours = ["green", "yellow", "red", "dim", "bold"] as const;

/** Colours of words on stdout: only on a terminal, and not with NO_COLOR (no-color.org). */
export function paint(colour: (typeof colours)[number], text: string): string {
  const wanted = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return wanted ? styleText(colour, text, { validateStream: false }) : text;
}
