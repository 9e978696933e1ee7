import { CriuError } from "../criu/errors.ts";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import { absoluteDepends } from "../images/identity/depends.ts";
import type { DumpFacts, ImageFacts } from "../images/manifest_shape.ts";
import { describeImages, writeManifest } from "../images/write_manifest.ts";
import type { DumpOptions } from "./engine.ts";

/**
 * The files and patterns that a dump is to know again, absolute.
 * @throws {UsageError} for a file that is not there.
 */
export function dependsOf({ depends = [] }: Pick<DumpOptions, "depends">): string[] {
  try {
    return absoluteDepends(depends);
  } catch (error) {
    throw new UsageError(`${printable((error as Error).message)}: name one that is there, or a pattern.`);
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
      `The dump in ${printable(imagesDir)} is whole, but its manifest could not be written: ${why}. Restore it with --force=manifest.`,
    );
  }
}
