import { printable } from "../ffi/printable.ts";
import { capabilityProblems } from "../images/check_capabilities.ts";
import { contentProblems, type FoundManifest, quickProblems, versionProblems } from "../images/check_manifest.ts";
import type { Manifest } from "../images/manifest_shape.ts";
import type { Needs } from "../images/needs.ts";
import type { Problem, ProblemKind } from "../images/problem.ts";
import type { RestoreOptions } from "./engine.ts";

/** A manifest may name any number of files that are not there. */
const MOST_NAMED = 20;

/** What speaks against restoring these images on this machine. */
export class UnfitImagesError extends Error {
  /** @ignore */
  override readonly name = "UnfitImagesError";
  /** All that was found, those included that `force` lets pass. */
  readonly problems: readonly Problem[];

  /** @ignore `kinds` are those that `force` would have to name. */
  constructor(imagesDir: string, problems: readonly Problem[], kinds: readonly ProblemKind[]) {
    const lines = problems.slice(0, MOST_NAMED).map(({ what, cure }) => `${what}. ${cure}`);
    if (problems.length > MOST_NAMED) lines.push(`and ${problems.length - MOST_NAMED} more`);
    const force = `--force=${[...new Set(kinds)].join(",")}`;
    super(
      `Cannot restore ${printable(imagesDir)} here (with ${force} it is tried all the same):\n  ${lines.join("\n  ")}`,
    );
    this.problems = problems;
  }
}

/** What is known of images before CRIU is started. */
export interface Known {
  /** The version of the CRIU that is to restore them. */
  readonly criu: Promise<string>;
  readonly found: FoundManifest;
  readonly needs: Needs | undefined;
}

/**
 * Compares images with their manifest and with this machine, as far as that is done at once. What it returns compares the rest, once,
 * however often it is called: CRIU can work meanwhile, as long as nothing that it restores runs.
 *
 * @throws {UnfitImagesError} when a restore would fail or be wrong, unless `force` is given; and so does the function that it returns.
 * @throws {CriuError} when CRIU is too old; from that function, too.
 */
export async function requireFit(
  imagesDir: string,
  { criu, found: { manifest, problems }, needs }: Known,
  { force = false, criuOptions = {}, onProblem, signal }: RestoreOptions,
): Promise<() => Promise<void>> {
  const atOnce = [
    ...problems,
    ...(manifest ? quickProblems(imagesDir, manifest, { cpuCap: criuOptions.cpuCap }) : []),
    ...(needs ? capabilityProblems(needs.capabilities) : []),
  ];
  const rest = async (): Promise<Problem[]> => [
    ...(manifest ? versionProblems(manifest, await criu) : []),
    ...(manifest ? await contentProblems(imagesDir, manifest, signal ? { signal } : {}) : []),
    ...(onProblem ? await sourceProblems(manifest) : []),
  ];
  const isForced = (kind: ProblemKind): boolean =>
    typeof force === "boolean" ? force && kind !== "file" : force.includes(kind);
  const isFatal = ({ severity, kind }: Problem): boolean => severity === "error" && !isForced(kind);
  // Who has to do something about one wants to hear of all.
  const refuse = (all: readonly Problem[]): never => {
    const kinds = all.filter(({ severity }) => severity === "error").map(({ kind }) => kind);
    throw new UnfitImagesError(imagesDir, all, kinds);
  };
  if (atOnce.some(isFatal)) refuse([...atOnce, ...(await rest())]);
  for (const problem of atOnce) onProblem?.(problem);
  let finished: Promise<void> | undefined;
  const finish = async (): Promise<void> => {
    await criu;
    const more = await rest();
    if (more.some(isFatal)) refuse([...atOnce, ...more]);
    for (const problem of more) onProblem?.(problem);
  };
  return () => (finished ??= finish());
}

/** What is restored is what it was, whatever its files say by now: to be known, and no reason against it. */
async function sourceProblems(manifest: Manifest | undefined): Promise<Problem[]> {
  try {
    const { describeChanges } = await import("../images/identity/misfit.ts");
    const what = manifest && describeChanges(manifest);
    const cure = "What is restored has loaded what they were before.";
    return what === undefined ? [] : [{ severity: "warning", kind: "program", what, cure }];
  } catch {
    return [];
  }
}
