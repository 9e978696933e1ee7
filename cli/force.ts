import { InvalidArgumentError } from "commander";
import { type ProblemKind, problemKinds } from "../images/problem.ts";

/** What --force is for. */
export const forceHelp: string =
  "restore in spite of what does not fit: all but damaged images, or only what is named, with commas between; may be repeated " +
  `(${problemKinds.join(", ")})`;

/** Reads `cpu,file`, and adds it to those before. */
export function readForce(text: string, before?: true | readonly ProblemKind[]): readonly ProblemKind[] {
  const kinds = text.split(",");
  const isKind = (kind: string): kind is ProblemKind => (problemKinds as readonly string[]).includes(kind);
  const known = kinds.filter(isKind);
  if (known.length === kinds.length) return [...(Array.isArray(before) ? before : []), ...known];
  throw new InvalidArgumentError(
    `It must be one of ${problemKinds.join(", ")}, or some of them with commas between; the directory comes before --force.`,
  );
}
