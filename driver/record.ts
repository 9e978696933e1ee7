import { CriuError } from "../criu/errors.ts";
import { type CriuOption, type CriuOptions, checkCriuOptions } from "../criu/options.ts";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import { capabilityProblems } from "../images/check_capabilities.ts";
import { checkManifest } from "../images/check_manifest.ts";
import { absoluteDepends } from "../images/identity/depends.ts";
import { describeChanges } from "../images/identity/misfit.ts";
import { describeImages, readManifest, writeManifest } from "../images/manifest.ts";
import type { DumpFacts, ImageFacts, Manifest } from "../images/manifest_shape.ts";
import type { Needs } from "../images/needs.ts";
import type { Problem, ProblemKind } from "../images/problem.ts";
import type { DumpOptions, RestoreOptions } from "./engine.ts";
import type { Expected } from "./rebuilt.ts";

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

/**
 * Compares images with their manifest and with this machine.
 * @throws {UnfitImagesError} when a restore would fail or be wrong, unless `force` is given.
 */
export async function requireFit(
  imagesDir: string,
  criu: string,
  known: {
    readonly manifest: Manifest | undefined;
    readonly needs: Needs | undefined;
    readonly problems: readonly Problem[];
  },
  options: RestoreOptions,
): Promise<void> {
  const { manifest, needs } = known;
  const { force = false, criuOptions = {}, onProblem, signal } = options;
  const { cpuCap } = criuOptions;
  const problems = await checkManifest(imagesDir, { criu, cpuCap, ...(signal ? { signal } : {}) });
  if (needs) problems.push(...capabilityProblems(needs.capabilities));
  problems.push(...known.problems);
  if (onProblem) problems.push(...sourceProblems(manifest));
  const isForced = (kind: ProblemKind): boolean =>
    typeof force === "boolean" ? force && kind !== "file" : force.includes(kind);
  const errors = problems.filter(({ severity }) => severity === "error");
  const kinds = errors.map(({ kind }) => kind);
  const left = errors.filter(({ kind }) => !isForced(kind));
  if (left.length > 0) throw new UnfitImagesError(imagesDir, left, kinds);
  for (const problem of problems) onProblem?.(problem);
}

/** The manifest of images, for what it says beside; undefined when there is none to be read: `requireFit` speaks of that. */
export function manifestOf(imagesDir: string): Manifest | undefined {
  try {
    return readManifest(imagesDir);
  } catch {
    return undefined;
  }
}

/** What is restored is what it was, whatever its files say by now: to be known, and no reason against it. */
function sourceProblems(manifest: Manifest | undefined): Problem[] {
  try {
    const what = manifest && describeChanges(manifest);
    const cure = "What is restored has loaded what they were before.";
    return what === undefined ? [] : [{ severity: "warning", kind: "program", what, cure }];
  } catch {
    return [];
  }
}

/** The options for a restore: those of the dump that belong to both, under those that are given now. */
export function carryOptions(manifest: Manifest | undefined, given: CriuOptions): CriuOptions {
  const { criuOptions: before = {} } = manifest ?? {};
  const chosen = given.tcpClose || given.tcpEstablished;
  const again = carried.filter((name) => before[name] === true && !(chosen && name.startsWith("tcp")));
  // As the dump has found it: see driver/defaults.ts.
  const root = before.root === "/" ? { root: "/" } : {};
  return { ...root, ...Object.fromEntries(again.map((name) => [name, true])), ...cgroupsOf(before), ...given };
}

/** A dump that took the cgroups with it is restored so; images may name anything. */
function cgroupsOf({ manageCgroups }: Readonly<Record<string, unknown>>): CriuOptions {
  const found = { manageCgroups } as CriuOptions;
  try {
    checkCriuOptions(found);
  } catch {
    return {};
  }
  return manageCgroups === undefined ? {} : found;
}

/** What must be there after a restore whose root got this pid. */
export function expectedAfter(
  manifest: Manifest | undefined,
  root: number,
  needs: Needs | undefined,
  { restoreSibling = false }: CriuOptions,
): Expected {
  const apps = (manifest?.apps ?? []).map(({ pid }) => pid);
  // In a pid namespace of its own the tree has other pids here than there.
  const known = needs?.root === root ? needs : undefined;
  return {
    pids: [root, ...apps.filter((pid) => pid !== root && known?.pids.includes(pid))],
    attached: apps.length,
    // The others have a parent in the tree.
    endWithParent: needs?.endWithParent.includes(needs.root) && !restoreSibling ? [root] : [],
  };
}
