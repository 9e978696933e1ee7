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
  if (!hasManifest(path)) {
    const what = `${path} has no ${MANIFEST}: the dump was not finished, or was not made by criu-aware`;
    return [
      problem("manifest", what, "Dump again. If somebody else made this dump, restore it with --force=manifest."),
    ];
  }
  let manifest: Manifest;
  try {
    manifest = readManifest(path);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return [problem("file", error.message, "Take another copy of the dump, or dump again.")];
  }
  const { machine = describeMachine(), criu, cpuCap, signal } = options;
  return [
    ...(await fileProblems(path, manifest, signal)),
    ...machineProblems(manifest, machine, cpuCap),
    ...criuProblems(manifest, criu),
    ...(manifest.ownMounts ? [] : manifest.programs.flatMap(programProblems)),
    ...gpuProblems(manifest, machine),
  ];
}

function problem(kind: Problem["kind"], what: string, cure: string, severity: Problem["severity"] = "error"): Problem {
  return { severity, kind, what: printable(what, LONGEST_MESSAGE), cure: printable(cure) };
}

async function fileProblems(directory: string, { files }: Manifest, signal?: AbortSignal): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { name, bytes, sha256, crc32 } of files) {
    const path = join(directory, name);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    const wrong = async (): Promise<string | undefined> => {
      if (size === undefined) return "is missing";
      if (size !== bytes) return `has ${size} bytes, and had ${bytes} when it was dumped`;
      if (sha256 !== undefined && (await digest(path, "sha256", signal)) !== sha256)
        return "has changed since the dump";
      if (crc32 !== undefined && (await digest(path, "crc32", signal)) !== crc32) return "has changed since the dump";
      return undefined;
    };
    const why = await wrong().catch((error) => (error instanceof ImageError ? error.reason : Promise.reject(error)));
    if (why) problems.push(problem("file", `${path} ${why}`, "Take another copy of the dump, or dump again."));
  }
  return problems;
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

function criuProblems({ criu: then }: Manifest, now: string | undefined): Problem[] {
  if (then === undefined || now === undefined || !isOlder(now, then)) return [];
  return [problem("criu", `CRIU ${now} is older than ${then}, which made the dump`, `Install CRIU ${then} or newer.`)];
}

function programProblems({ path, bytes, buildId }: Executable): Problem[] {
  const cure = "Install the build that was dumped, or dump again with this one.";
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return [problem("program", `${path}, which the dumped process runs, is missing`, cure)];
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
