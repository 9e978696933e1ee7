import { paint } from "./paint.ts";
import { wrap } from "./wrap.ts";

/** One finding. `fails`: a dump could not work. `note`: some dumps could not, or they take longer than they need. */
export interface Check {
  readonly name: string;
  readonly verdict: "ok" | "note" | "fails";
  readonly found: string;
  /** What to install or set. */
  readonly cure?: string;
}

const colours = { ok: "green", note: "yellow", fails: "red" } as const;

/** Findings for people, in 80 columns. */
export function checkLines(checks: readonly Check[]): string[] {
  return checks.flatMap(({ name, verdict, found, cure }) => {
    const indent = " ".repeat(22);
    const words = wrap(found, indent).trimStart();
    const line = `${paint(colours[verdict], verdict.padEnd(5))}  ${name.padEnd(14)} ${words}`;
    return cure === undefined ? [line] : [line, wrap(cure, `${indent}  `, `${indent}→ `)];
  });
}
