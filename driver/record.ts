import { CriuError } from "../criu/errors.ts";
import type { CriuOption, CriuOptions } from "../criu/options.ts";
import { printable } from "../ffi/printable.ts";
import { checkManifest, type Problem } from "../images/check_manifest.ts";
import { describeImages, readManifest, writeManifest } from "../images/manifest.ts";
import type { DumpFacts, ImageFacts } from "../images/manifest_shape.ts";
import type { DumpOptions, RestoreOptions } from "./engine.ts";

/** Options that CRIU wants at a restore when it had them at the dump. */
const carried: readonly CriuOption[] = [
  "tcpEstablished",
  "tcpClose",
  "extUnixSk",
  "fileLocks",
  "shellJob",
  "linkRemap",
  "unprivileged",
];

/** A manifest may name any number of files that are not there. */
const MOST_NAMED = 20;

/** What speaks against restoring these images on this machine. */
export class UnfitImagesError extends Error {
  override readonly name = "UnfitImagesError";
  readonly problems: readonly Problem[];

  constructor(imagesDir: string, problems: readonly Problem[]) {
    const lines = problems.slice(0, MOST_NAMED).map(({ what, cure }) => `${what}. ${cure}`);
    if (problems.length > MOST_NAMED) lines.push(`and ${problems.length - MOST_NAMED} more`);
    super(
      `Cannot restore ${printable(imagesDir)} here (with --force it is tried all the same):\n  ${lines.join("\n  ")}`,
    );
    this.problems = problems;
  }
}

/**
 * Writes down what was dumped, as the last thing of a dump; `images`, when somebody has begun to read them already.
 * @throws {CriuError} when it cannot. The images are there all the same.
 */
export async function recordDump(
  imagesDir: string,
  facts: DumpFacts,
  options: Pick<DumpOptions, "labels" | "digests">,
  images?: Promise<ImageFacts>,
): Promise<void> {
  const { labels = {}, digests = "quick" } = options;
  try {
    const found = await (images ?? describeImages(imagesDir, digests));
    await writeManifest(imagesDir, { ...facts, labels }, { images: found });
  } catch (cause) {
    const why = printable((cause as Error).message);
    throw new CriuError(
      "dump",
      `The dump in ${printable(imagesDir)} is whole, but its manifest could not be written: ${why}. Restore it with --force.`,
    );
  }
}

/**
 * Compares images with their manifest and with this machine.
 * @throws {UnfitImagesError} when a restore would fail or be wrong, unless `force` is given.
 */
export async function requireFit(imagesDir: string, criu: string, options: RestoreOptions): Promise<void> {
  const { force = false, onProblem, signal } = options;
  const problems = await checkManifest(imagesDir, { criu, ...(signal ? { signal } : {}) });
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0 && !force) throw new UnfitImagesError(imagesDir, errors);
  for (const problem of problems) onProblem?.(problem);
}

/** The options for a restore: those of the dump that belong to both, under those that are given now. */
export function carryOptions(imagesDir: string, given: CriuOptions): CriuOptions {
  let before: Readonly<Record<string, unknown>>;
  try {
    before = readManifest(imagesDir).criuOptions;
  } catch {
    return given;
  }
  const chosen = given.tcpClose || given.tcpEstablished;
  const again = carried.filter((name) => before[name] === true && !(chosen && name.startsWith("tcp")));
  return { ...Object.fromEntries(again.map((name) => [name, true])), ...given };
}
