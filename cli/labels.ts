import { InvalidArgumentError } from "commander";

/** Words of the user's own that are kept beside the images. */
export type Labels = Readonly<Record<string, string>>;

/** Reads `name=value`, and adds it to those before. */
export function readLabel(text: string, before: Labels = {}): Labels {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must have the form name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
