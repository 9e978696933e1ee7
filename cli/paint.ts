import { styleText } from "node:util";

/** Colours of words on stdout: only on a terminal, and not with NO_COLOR (no-color.org). */
export function paint(colour: "green" | "yellow" | "red" | "dim" | "bold", text: string): string {
  const wanted = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return wanted ? styleText(colour, text, { validateStream: false }) : text;
}
