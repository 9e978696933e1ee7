import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CriuError } from "../criu/errors.ts";
import { type CriuOptions, leaveCgroups } from "../criu/options.ts";
import type { End, Runner } from "../criu/run.ts";
import { UsageError } from "../criu/usage_error.ts";
import { openLibc } from "../ffi/libc.ts";
import { processTree } from "../ffi/process_tree.ts";
import { ImageError } from "../images/errors.ts";
import { memoryIn } from "../images/memory.ts";
import { type Needs, readNeeds } from "../images/needs.ts";
import { readRestoreStats } from "../images/stats.ts";
import { alongside } from "./alongside.ts";
import { checkOptions } from "./check_options.ts";
import { gpuPairs } from "./cuda/calls.ts";
import { openCudaIfAsked } from "./cuda/processes.ts";
import type { RestoreOptions, RestoreResult } from "./engine.ts";
import { requireRoot, runError } from "./failure.ts";
import { freeIds } from "./ids.ts";
import { knownRestoreOptions } from "./known_options.ts";
import { encodeLaunch, leaveLaunch, requireTaker } from "./launch.ts";
import { now, watchPhases } from "./phases.ts";
import { awaitRebuilt, withMissing } from "./rebuilt.ts";
import { carryOptions, expectedAfter, manifestOf, requireFit } from "./record.ts";
import { RestoreWatch } from "./restore_watch.ts";
import { requireTrustedImages } from "./trusted_images.ts";
import { openWorkDir, type WorkDir } from "./work_dir.ts";

const LOG = "restore.log";

/** Restores a process tree and waits until its apps are rebuilt. The same for every engine that runs CRIU. */
export async function restoreTree(runner: Runner, options: RestoreOptions): Promise<RestoreResult> {
  const given = resolve(options.imagesDir);
  const { timeoutMs = 10_000, signal } = options;
  signal?.throwIfAborted();
  checkOptions(options, knownRestoreOptions);
  requireRoot();
  if (!existsSync(join(given, "inventory.img"))) {
    throw new UsageError(
      `There is no image in ${given}: it has no inventory.img. Name the directory of a finished dump.`,
    );
  }
  const imagesDir = options.trustImages ? given : requireTrustedImages(given);
  const manifest = manifestOf(imagesDir);
  const launch = options.launch && encodeLaunch(options.launch);
  if (options.launch && manifest) requireTaker(manifest, options.launch);
  // Otherwise its processes would wait in CUDA for ever.
  using cuda = await openCudaIfAsked(options.cuda || manifest?.cuda === true);
  const gpus = typeof options.cuda === "object" ? options.cuda.gpus : undefined;
  if (gpus) gpuPairs(gpus);
  const phases = watchPhases(options.onPhase);
  const needs = needsOf(imagesDir);
  await requireFit(imagesDir, runner.version, { manifest, needs }, options);
  const criuOptions = knownCpu(imagesDir, leaveCgroups(carryOptions(manifest, options.criuOptions ?? {})));
  const libc = await openLibc();
  const ids = joinsPids(criuOptions) ? [] : (needs?.ids ?? []);
  using work = openWorkDir("restore", options.workDir);
  const deadline = now() + timeoutMs;
  const onWait = (): void => phases.enter("waiting for the pid");
  for (;;) {
    await freeIds(ids, { deadline, signal, onWait });
    phases.enter("restoring");
    const run = await runOnce(
      runner,
      { libc, imagesDir, work, criuOptions, timeoutMs, sibling: needs?.root, launch },
      options,
    );
    if (run.failure === undefined) {
      phases.enter("restored");
      // The apps run, and wait in CUDA for this.
      await cuda?.resume(processTree(run.pid), gpus);
      const rebuilt = await (run.rebuilding ?? awaitRebuilt(run.pid, timeoutMs));
      const processes = await withMissing(rebuilt, expectedAfter(manifest, run.pid, needs, criuOptions));
      phases.enter("rebuilt");
      return { pid: run.pid, restoreMs: run.restoreMs, ...amountOf(imagesDir, work.path), processes };
    }
    // Somebody got an id between the look and the restore: the next look names him, or finds it free again.
    if (ids.length === 0 || !isTakenId(run.failure) || now() > deadline) {
      work.keep();
      throw run.failure;
    }
  }
}

/** What one start of CRIU came to. */
interface Attempt {
  readonly pid: number;
  readonly restoreMs: number;
  readonly rebuilding: ReturnType<typeof awaitRebuilt> | undefined;
  readonly failure: CriuError | undefined;
}

interface Job {
  readonly libc: Awaited<ReturnType<typeof openLibc>>;
  readonly imagesDir: string;
  readonly work: WorkDir;
  readonly criuOptions: CriuOptions;
  readonly timeoutMs: number;
  readonly sibling: number | undefined;
  /** Of the restored apps, as `encodeLaunch` made it. */
  readonly launch: string | undefined;
}

/** @throws what a hook threw, or `signal` was aborted with: nothing was restored. */
async function runOnce(runner: Runner, job: Job, { onHook, signal }: RestoreOptions): Promise<Attempt> {
  const { libc, imagesDir, work, criuOptions, timeoutMs, launch } = job;
  work.clear();
  const log = join(work.path, LOG);
  const sibling = criuOptions.restoreSibling ? job.sibling : undefined;
  using watch = new RestoreWatch({ libc, log, stalledAfterMs: timeoutMs, signal, sibling });
  let refusal: unknown;
  let root = 0;
  let rebuilding: Attempt["rebuilding"];
  // At `pre-resume`: only then the processes are of their users again, and still nothing of them runs.
  const handOver = (launch: string): Promise<void> =>
    leaveLaunch(root, launch).catch((error: unknown) => {
      watch.refuse();
      throw error;
    });
  const started = now();
  const run = {
    imagesDir,
    workDir: work.path,
    log: LOG,
    criuOptions,
    asks: signal !== undefined || onHook !== undefined || launch !== undefined,
    onStart: (pid: number) => watch.started(pid),
    onHook: (hook: string, pid?: number): Promise<boolean> =>
      watch.pausedFor(async () => {
        if (hook === "post-restore" && pid !== undefined) root = pid;
        try {
          if (hook === "pre-resume" && launch !== undefined) await handOver(launch);
          await onHook?.(hook, pid);
          if (hook === "pre-resume") watch.tooLateToCancel();
          else signal?.throwIfAborted();
          // In a moment the apps run, and CRIU has only to end.
          if (hook === "pre-resume" && root > 0) rebuilding = alongside(() => awaitRebuilt(root, timeoutMs));
          return true;
        } catch (error) {
          refusal = error;
          return false;
        }
      }),
  };
  const end = await runner.restore(run).catch((error: unknown) => error as Error);
  const ended = await watch.outcome();
  const restoreMs = now() - started;
  if (ended === "cancelled") throw signal?.reason;
  if (refusal !== undefined) throw refusal;
  if (end instanceof Error && ended === undefined) throw end;
  if (!(end instanceof Error) && end.exitCode === 0 && ended === undefined) {
    return { pid: end.pid, restoreMs, rebuilding, failure: undefined };
  }
  const what = "CRIU did not go on with the restore; it was ended, with all that it had made";
  const known: End = end instanceof Error ? { exitCode: null, stderr: "" } : end;
  const failure = runError("restore", log, known, ended === "stalled" ? what : undefined);
  return { pid: 0, restoreMs, rebuilding: undefined, failure };
}

/** Undefined for damaged images, which are restored only with `force`: then CRIU has the last word. */
function needsOf(imagesDir: string): Needs | undefined {
  try {
    return readNeeds(imagesDir);
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

/** CRIU itself does not count shared memory. The apps run: a file that is damaged is no failure any more. */
function amountOf(imagesDir: string, workDir: string): Pick<RestoreResult, "bytes" | "stats"> {
  try {
    return { bytes: memoryIn(imagesDir), stats: readRestoreStats(workDir) };
  } catch (error) {
    if (error instanceof ImageError) return { bytes: 0 };
    throw error;
  }
}

/** By RPC, CRIU asks for the dump's description of its CPU also when nothing is to be compared with it. */
function knownCpu(imagesDir: string, given: CriuOptions): CriuOptions {
  if (given.cpuCap !== "none" || existsSync(join(imagesDir, "cpuinfo.img"))) return given;
  const { cpuCap: _, ...others } = given;
  return others;
}

/** In another pid namespace nobody here has an id. */
function joinsPids({ joinNs = [], external = [] }: CriuOptions): boolean {
  return joinNs.some((text) => text.startsWith("pid:")) || external.some((text) => text.startsWith("pid["));
}

function isTakenId({ log }: CriuError): boolean {
  return log.some((line) => /Can't fork for \d+: File exists|Unable to create a thread: -17/.test(line));
}
