import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { RestoreResult } from "../driver/engine.ts";
import { printable } from "../ffi/printable.ts";
import type { Manifest } from "../images/manifest_shape.ts";
import { type EngineFlags, pickEngine } from "./engine.ts";
import { environmentOf, type Launched } from "./launch.ts";
import type { ProgramOutput } from "./output.ts";
import { messageOf, say } from "./report.ts";
import type { CriuFlags } from "./subcommand.ts";

/** How a program came to run. */
export interface Running extends Launched {
  readonly how: "started" | "restored";
  /** What is wrong with it since it was restored, a line each. */
  readonly errors: readonly string[];
  /** Why it was not restored, when it should have been. */
  readonly why?: string;
  /** The dump that it was restored from. */
  readonly dump?: { readonly imagesDir: string; readonly createdAt: string };
  /** How many times it was restored; undefined when it is not attached. */
  readonly generation?: number | undefined;
}

/** The flags of `run` that a restore needs. */
export interface RestoreFlags extends EngineFlags, CriuFlags {
  readonly foreground?: boolean;
  readonly timeoutMs: number;
  readonly restoreOrStart?: string;
  readonly trustImages?: boolean;
  readonly lazy?: boolean;
  readonly depends?: readonly string[];
  readonly recovery?: "strict" | "keep";
  readonly clock?: "continue" | "wall";
}

/**
 * Restores the program when there is an image of it that fits, and otherwise calls `start`; says which of them, and why.
 * @throws {UsageError} for a file in `depends` that is not there.
 */
export async function restoreOrStart(
  command: readonly string[],
  start: () => Promise<Launched>,
  output: ProgramOutput,
  flags: RestoreFlags,
): Promise<Running> {
  const { restoreOrStart: imagesDir } = flags;
  if (imagesDir === undefined) return { ...(await start()), how: "started", errors: [] };
  const { dependsOf } = await import("../driver/record.ts");
  const depends = dependsOf(flags);
  const restored = await tryRestore(imagesDir, { command, depends }, output, flags);
  if (typeof restored === "object") return restored;
  say(`criu-aware run: not restored: ${restored}`);
  return { ...(await start()), how: "started", errors: [], why: restored };
}

/** The restored program, or why there is none. */
async function tryRestore(
  imagesDir: string,
  wanted: { readonly command: readonly string[]; readonly depends: readonly string[] },
  output: ProgramOutput,
  flags: RestoreFlags,
): Promise<Running | string> {
  if (!existsSync(join(imagesDir, "inventory.img"))) return `there is no image in ${printable(imagesDir)}`;
  const { timeoutMs, trustImages = false, lazy = false, recovery = "strict", clock } = flags;
  const { requireTrustedImages } = await import("../driver/trusted_images.ts");
  const { misfitOf } = await import("../images/identity/misfit.ts");
  const { readManifest } = await import("../images/manifest.ts");
  const { parseArguments } = await import("../criu/options.ts");
  // The mode of its log is no matter; as a child of this process it is not told, when CRIU ends, that its parent has.
  const own = { skipFileRwxCheck: true, ...(flags.foreground ? { restoreSibling: true } : {}) };
  const criuOptions = { ...own, ...parseArguments(flags.criuOption ?? []) };
  const howClock = clock === undefined ? {} : { clock };
  const onHook = (hook: string, pid?: number): void => {
    if (hook === "post-restore" && pid !== undefined) output.adopt(pid);
  };
  const { openLibc } = await import("../ffi/libc.ts");
  const { adoptOrphans, awaitEnd } = await import("../ffi/subreaper.ts");
  const libc = await openLibc();
  try {
    // Before anything in them is believed.
    if (!trustImages) requireTrustedImages(imagesDir);
    const manifest = readManifest(imagesDir);
    const { launch, renewable } = await launchFor(imagesDir, manifest, wanted.command);
    const why = misfitOf(manifest, { ...wanted, ...renewable, env: launch.env });
    if (why !== undefined) return why;
    output.prepare();
    const engine = await pickEngine(flags);
    // Also without --foreground: what is to be ended has to be known by its parent.
    using _ = adoptOrphans(libc);
    const result = await engine.restore({
      imagesDir,
      timeoutMs,
      trustImages,
      lazy,
      criuOptions,
      onHook,
      onProblem: ({ what, cure }) => say(`criu-aware run: ${what}. ${cure}`),
      ...(takesLaunch(manifest) ? { launch } : {}),
      ...howClock,
    });
    const errors = await errorsOf(result);
    const { aliveSince } = await import("../ffi/process.ts");
    if (errors.length > 0 && (recovery === "strict" || aliveSince(result.pid) === undefined)) {
      const { endRestored } = await import("./end_restored.ts");
      await endRestored(libc, result);
      return `its recovery failed: ${errors.join("; ")}`;
    }
    const ended = flags.foreground ? awaitEnd(libc, result.pid) : Promise.resolve(0);
    const facts = await sayRestored(imagesDir, manifest, result);
    return { pid: result.pid, ended, release() {}, how: "restored", errors, ...facts };
  } catch (error) {
    // "not restored" stands before it already.
    return messageOf(error).replace(/^Cannot restore: /, "");
  }
}

/** What the program gets as if it were started now: environment, and arguments where it can take others. */
async function launchFor(imagesDir: string, manifest: Manifest, command: readonly string[]) {
  const { renewableArguments, argumentsIn } = await import("../images/identity/arguments.ts");
  const { readNeeds } = await import("../images/needs.ts");
  const env = environmentOf();
  const renewable = renewableArguments(manifest, readNeeds(imagesDir).root);
  if (renewable === undefined) return { launch: { env, wholeEnv: true } };
  const args = argumentsIn(manifest, { command, cwd: process.cwd() }, renewable);
  return { launch: { env, wholeEnv: true, args }, renewable: { renewable } };
}

function takesLaunch({ apps }: Manifest): boolean {
  return apps.some(({ launch }) => launch);
}

async function errorsOf({ processes }: RestoreResult): Promise<string[]> {
  const { describeFailure } = await import("../driver/rebuilt.ts");
  return processes.flatMap(({ pid, errors }) => errors.map((error) => `process ${pid}: ${describeFailure(error)}`));
}

/** Says what runs now; returns the same as facts. */
async function sayRestored(
  imagesDir: string,
  { createdAt }: Manifest,
  { pid, processes }: RestoreResult,
): Promise<Pick<Running, "dump" | "generation">> {
  const { momentOf } = await import("../images/moment.ts");
  const generation = (processes.find((process) => process.pid === pid) ?? processes[0])?.generation;
  const times = generation === undefined ? "" : `, generation ${generation}`;
  say(`criu-aware run: restored ${pid} from the dump of ${momentOf(createdAt)} in ${printable(imagesDir)}${times}`);
  return { dump: { imagesDir: resolve(imagesDir), createdAt }, generation };
}
