import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { LONGEST_MESSAGE, printable } from "../ffi/printable.ts";
import { buildIdOf } from "./build_id.ts";
import { type CpuCap, lackingFeatures } from "./cpu_features.ts";
import { digest } from "./digest.ts";
import { ImageError } from "./errors.ts";
import { describeMachine, type Gpu, type Machine } from "./machine.ts";
import { hasManifest, MANIFEST, readManifest } from "./manifest.ts";
import type { Manifest } from "./manifest_shape.ts";
import type { Problem } from "./problem.ts";
import type { Executable } from "./types.ts";

/** What is checked. */
export interface CheckOptions {
  /** The version of the CRIU that is to restore. @default not compared */
  readonly criu?: string;
  /** The machine that is to restore. @default this one */
  readonly machine?: Machine;
  /** What of the CPU must be the same, in CRIU's words (--cpu-cap). @default what a program may use */
  readonly cpuCap?: CpuCap | undefined;
  /** Cancels. */
  readonly signal?: AbortSignal;
}

/**
 * Compares a dump with its manifest, and with the machine that is to restore it: files that are missing or have changed, another
 * architecture, instructions that the CPU lacks, an older CRIU or kernel, another build of the program, other GPUs. Empty when
 * nothing speaks against a restore. A dump without a manifest is a problem, too: it is not whole, or somebody else made it.
 *
 * @example
 * ```ts
 * import { checkManifest } from "criu-aware/images";
 * for (const { severity, what, cure } of await checkManifest("/var/tmp/images")) console.log(severity, what, cure);
 * ```
 */
export async function checkManifest(directory: string, options: CheckOptions = {}): Promise<Problem[]> {
  const path = resolve(directory);
  const { manifest, problems } = findManifest(path);
  if (!manifest) return [...problems];
  return [
    ...quickProblems(path, manifest, options),
    ...versionProblems(manifest, options.criu),
    ...(await contentProblems(path, manifest, options)),
  ];
}

/** The manifest of a dump, when it can be read, and otherwise why not. */
export interface FoundManifest {
  readonly manifest: Manifest | undefined;
  readonly problems: readonly Problem[];
}

export function findManifest(path: string): FoundManifest {
  const without = (kind: Problem["kind"], what: string, cure: string): FoundManifest => ({
    manifest: undefined,
    problems: [problem(kind, what, cure)],
  });
  if (!hasManifest(path)) {
    const what = `${path} has no ${MANIFEST}: the dump was not finished, or was not made by criu-aware`;
    return without("manifest", what, "Dump again. If somebody else made this dump, restore it with --force=manifest.");
  }
  try {
    return { manifest: readManifest(path), problems: [] };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return without("file", error.message, anotherCopy);
  }
}

/** What is seen at once: files that are missing or have another size, and what does not fit this machine. */
export function quickProblems(
  directory: string,
  manifest: Manifest,
  { machine = describeMachine(), cpuCap }: Pick<CheckOptions, "machine" | "cpuCap"> = {},
): Problem[] {
  return [
    ...manifest.files.flatMap((file) => {
      const why = sizeProblem(directory, file);
      return why === undefined ? [] : [fileProblem(directory, file, why)];
    }),
    ...machineProblems(manifest, machine, cpuCap),
    ...gpuProblems(manifest, machine),
  ];
}

/** What takes its time: the content of the files, of which those of another size are left out, and the builds of the programs. */
export async function contentProblems(
  directory: string,
  manifest: Manifest,
  { signal }: Pick<CheckOptions, "signal"> = {},
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const file of manifest.files) {
    if (sizeProblem(directory, file) !== undefined) continue;
    // Whoever else is at work in this process has its turn.
    await new Promise((resolve) => setImmediate(resolve));
    const why = await contentProblem(join(directory, file.name), file, signal);
    if (why !== undefined) problems.push(fileProblem(directory, file, why));
  }
  return [...problems, ...(manifest.ownMounts ? [] : manifest.programs.flatMap(programProblems))];
}

function problem(kind: Problem["kind"], what: string, cure: string, severity: Problem["severity"] = "error"): Problem {
  return { severity, kind, what: printable(what, LONGEST_MESSAGE), cure: printable(cure) };
}

type File = Manifest["files"][number];

const anotherCopy = "Take another copy of the dump, or dump again.";

function fileProblem(directory: string, { name }: File, why: string): Problem {
  return problem("file", `${join(directory, name)} ${why}`, anotherCopy);
}

function sizeProblem(directory: string, { name, bytes }: File): string | undefined {
  const size = sizeOf(join(directory, name));
  if (typeof size === "string") return size;
  return size === bytes ? undefined : `has ${size} bytes, and had ${bytes} when it was dumped`;
}

/** The size of a file, or why it has none: a manifest may name what no file can be called, or a link that leads to itself. */
function sizeOf(path: string): number | string {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? "is missing";
  } catch {
    return "cannot be looked at";
  }
}

async function contentProblem(path: string, file: File, signal?: AbortSignal): Promise<string | undefined> {
  try {
    for (const kind of ["sha256", "crc32"] as const) {
      const noted = file[kind];
      if (noted !== undefined && (await digest(path, kind, signal)) !== noted) return "has changed since the dump";
    }
    return undefined;
  } catch (error) {
    if (error instanceof ImageError) return error.reason;
    throw error;
  }
}

function machineProblems({ machine: then }: Manifest, now: Machine, cpuCap: CpuCap | undefined): Problem[] {
  if (then.arch !== now.arch) {
    const what = `The dump is of an ${then.arch} machine, and this is an ${now.arch}`;
    return [problem("arch", what, `Restore it on an ${then.arch} machine.`)];
  }
  const problems = cpuProblems(then, now, cpuCap);
  if (isOlder(now.kernel, then.kernel)) {
    const what = `This kernel, ${now.kernel}, is older than that of the dump, ${then.kernel}`;
    problems.push(problem("kernel", what, "If the restore fails, use a newer kernel.", "warning"));
  }
  return problems;
}

function cpuProblems(then: Machine, now: Machine, cpuCap: CpuCap | undefined): Problem[] {
  const { needed, faster, excused } = lackingFeatures(then, now, cpuCap);
  const cure = "Restore it on a CPU that has them, or dump on one without.";
  const of = (names: readonly string[], what: string, cure: string, severity: Problem["severity"]): Problem[] =>
    names.length > 0 ? [problem("cpu", `${what}: ${names.join(", ")}`, cure, severity)] : [];
  return [
    ...of(needed, "This CPU lacks what the dumped program may use", cure, "error"),
    ...of(
      excused,
      `This CPU lacks what the dumped program may use, which --cpu-cap=${cpuCap} lets pass`,
      cure,
      "warning",
    ),
    ...of(
      faster,
      "This CPU lacks what makes a program faster, and no program needs",
      "Nothing is to be done.",
      "warning",
    ),
  ];
}

/** What is wrong with this version of CRIU for a dump. */
export function versionProblems({ criu: then }: Manifest, now: string | undefined): Problem[] {
  if (then === undefined || now === undefined || !isOlder(now, then)) return [];
  return [problem("criu", `CRIU ${now} is older than ${then}, which made the dump`, `Install CRIU ${then} or newer.`)];
}

function programProblems({ path, bytes, buildId }: Executable): Problem[] {
  const cure = "Install the build that was dumped, or dump again with this one.";
  const size = sizeOf(path);
  if (typeof size === "string") return [problem("program", `${path}, which the dumped process runs, ${size}`, cure)];
  const isSame = (bytes === undefined || size === bytes) && (buildId === undefined || buildIdAt(path) === buildId);
  return isSame ? [] : [problem("program", `${path} is another build than the one that was dumped`, cure)];
}

function buildIdAt(path: string): string | undefined {
  try {
    return buildIdOf(path);
  } catch {
    return undefined;
  }
}

function gpuProblems({ machine: then, plugins }: Manifest, now: Machine): Problem[] {
  const kinds = (gpus: readonly Gpu[]): string =>
    gpus
      .map(({ model }) => model)
      .sort()
      .join(", ") || "none";
  if (kinds(then.gpus) === kinds(now.gpus)) return [];
  const what = `The dump was made beside these GPUs: ${kinds(then.gpus)}; here are: ${kinds(now.gpus)}`;
  // With a plugin of CRIU's the state of the GPU is in the image; else the app rebuilds it, on what it finds.
  return plugins.some((name) => /cuda|amdgpu/.test(name))
    ? [problem("gpu", what, "Restore it beside as many GPUs of the same kind.")]
    : [problem("gpu", what, "Make sure that the app can rebuild its GPU state here.", "warning")];
}

/** Compares the first two numbers of versions: `6.18.5-cloud`, `4.2.1`. */
function isOlder(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split(/[.-]/).map(Number);
  const [majorB = 0, minorB = 0] = b.split(/[.-]/).map(Number);
  return majorA < majorB || (majorA === majorB && minorA < minorB);
}
