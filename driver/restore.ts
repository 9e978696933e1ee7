import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CriuError } from "../criu/errors.ts";
import { LAZY_PAGES_LOG, startLazyPages } from "../criu/lazy_pages.ts";
import { type CriuOptions, leaveCgroups } from "../criu/options.ts";
import type { End, Runner } from "../criu/run.ts";
import { UsageError } from "../criu/usage_error.ts";
import { openLibc } from "../ffi/libc.ts";
import { processTree } from "../ffi/process_tree.ts";
import { findManifest } from "../images/check_manifest.ts";
import { ImageError } from "../images/errors.ts";
import type { Manifest } from "../images/manifest_shape.ts";
import { type Needs, readNeeds } from "../images/needs.ts";
import type { LaunchOptions } from "../lifecycle/types.ts";
import { alongside } from "./alongside.ts";
import { carryOptions, expectedAfter } from "./carried.ts";
import { checkOptions } from "./check_options.ts";
import { type ClockPlan, planClock } from "./clock.ts";
import type { RestoreOptions, RestoreResult } from "./engine.ts";
import { requireFit } from "./fit.ts";
import { freeIds } from "./ids.ts";
import { knownRestoreOptions } from "./known_options.ts";
import { orAborted } from "./or_aborted.ts";
import { now, watchPhases } from "./phases.ts";
import { awaitRebuilt, withMissing } from "./rebuilt.ts";
import { requireRoot } from "./require_root.ts";
import { RestoreWatch } from "./restore_watch.ts";
import { requireTrustedImages } from "./trusted_images.ts";
import { openWorkDir, type WorkDir } from "./work_dir.ts";

const LOG = "restore.log";
/** For the daemon of lazy pages to start, however little time the apps have. */
const DAEMON_MS = 5_000;

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
  const found = findManifest(imagesDir);
  const { manifest } = found;
  const launch = options.launch && (await checkLaunch(options.launch, manifest));
  // Otherwise its processes would wait in CUDA for ever.
  using cuda = await cudaIfAsked(options.cuda || manifest?.cuda === true);
  const phases = watchPhases(options.onPhase);
  const needs = needsOf(imagesDir);
  const criuOptions = knownCpu(imagesDir, leaveCgroups(carryOptions(manifest, options.criuOptions ?? {})));
  const clock = planClock(imagesDir, manifest, { ...options, criuOptions });
  const problems = [...found.problems, ...clock.problems];
  const fits = await requireFit(imagesDir, { criu: runner.version, found: { manifest, problems }, needs }, options);
  // With nothing more to compare nobody has to be asked at CRIU's hooks.
  if (!manifest) await fits();
  const asks = [manifest, options.lazy || undefined, launch, signal, options.onHook].some(
    (given) => given !== undefined,
  );
  const libc = await openLibc();
  const ids = joinsPids(criuOptions) ? [] : (needs?.ids ?? []);
  using work = openWorkDir("restore", options.workDir);
  const deadline = now() + timeoutMs;
  const onWait = (): void => phases.enter("waiting for the pid");
  for (;;) {
    await freeIds(ids, { deadline, signal, onWait });
    phases.enter("restoring");
    const job = { libc, imagesDir, clock, work, criuOptions, timeoutMs, sibling: needs?.root, fits, asks, launch };
    const run = await runOnce(runner, job, options);
    if (run.failure === undefined) {
      phases.enter("restored");
      // The apps run, and wait in CUDA for this.
      await cuda?.resume(processTree(run.pid));
      const rebuilt = await (run.rebuilding ?? awaitRebuilt(run.pid, timeoutMs));
      const processes = await withMissing(rebuilt, expectedAfter(manifest, run.pid, needs, criuOptions));
      phases.enter("rebuilt");
      return { pid: run.pid, restoreMs: run.restoreMs, ...(await amountOf(imagesDir, work.path)), processes };
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
  readonly clock: ClockPlan;
  readonly work: WorkDir;
  readonly criuOptions: CriuOptions;
  readonly timeoutMs: number;
  readonly sibling: number | undefined;
  /** Compares what was not compared before CRIU is started. */
  readonly fits: () => Promise<void>;
  /** Whether CRIU has to ask at its hooks. */
  readonly asks: boolean;
  /** Of the restored apps, as `encodeLaunch` made it. */
  readonly launch: string | undefined;
}

/** @throws what a hook threw, or `signal` was aborted with: nothing was restored. */
async function runOnce(runner: Runner, job: Job, { onHook, signal, lazy }: RestoreOptions): Promise<Attempt> {
  const { libc, imagesDir, clock, work, criuOptions, timeoutMs, fits, asks, launch } = job;
  work.clear();
  const place = { imagesDir, workDir: work.path, timeoutMs: Math.max(timeoutMs, DAEMON_MS) };
  await using lazyPages = lazy ? await startLazyPages(libc, runner.criu, place) : undefined;
  if (lazyPages?.failed) return await failedAttempt(join(work.path, LAZY_PAGES_LOG), lazyPages.failed, notLazy);
  using images = clock.images(work.path);
  const log = join(work.path, LOG);
  const sibling = criuOptions.restoreSibling ? job.sibling : undefined;
  using watch = new RestoreWatch({ libc, log, stalledAfterMs: timeoutMs, signal, sibling });
  let refusal: unknown;
  let root = 0;
  let rebuilding: Attempt["rebuilding"];
  let canCancel = true;
  // At `pre-resume`: only then the processes are of their users again, and still nothing of them runs.
  const handOver = async (launch: string): Promise<void> => {
    const { leaveLaunch } = await import("./launch.ts");
    await leaveLaunch(root, launch).catch((error: unknown) => {
      watch.refuse();
      throw error;
    });
  };
  const started = now();
  const run = {
    imagesDir: images.path,
    workDir: work.path,
    log: LOG,
    criuOptions: lazy ? { ...criuOptions, lazyPages: true } : criuOptions,
    asks,
    onStart(pid: number): void {
      watch.started(pid);
      void alongside(fits);
    },
    onHook: (hook: string, pid?: number): Promise<boolean> =>
      watch.pausedFor(async () => {
        if (hook === "post-restore" && pid !== undefined) root = pid;
        try {
          // In a moment it may run.
          if (hook === "post-restore") await fits();
          if (hook === "pre-resume" && launch !== undefined) await handOver(launch);
          // From here on its processes need it, whatever becomes of CRIU and of this process.
          if (hook === "pre-resume") lazyPages?.release();
          await orAborted(onHook?.(hook, pid), canCancel ? signal : undefined);
          if (hook === "pre-resume") {
            canCancel = false;
            watch.tooLateToCancel();
          }
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
  if (!(end instanceof Error) && end.exitCode === 0 && ended === undefined) {
    return { pid: end.pid, restoreMs, rebuilding, failure: undefined };
  }
  // What does not fit explains more than what CRIU says of it.
  await fits();
  if (end instanceof Error && ended === undefined) throw end;
  const what = "CRIU did not go on with the restore; it was ended, with all that it had made";
  const known: End = end instanceof Error ? { exitCode: null, stderr: "" } : end;
  return await failedAttempt(log, known, ended === "stalled" ? what : undefined);
}

const notLazy =
  "CRIU's daemon for lazy pages did not start. Restore without lazy (--lazy), or see whether this kernel has userfaultfd: " +
  "criu-aware doctor";

async function failedAttempt(log: string, end: End, what: string | undefined): Promise<Attempt> {
  const { runError } = await import("./failure.ts");
  return { pid: 0, restoreMs: 0, rebuilding: undefined, failure: runError("restore", log, end, what) };
}

/** The launch as text. @throws {UsageError} when it is none, or no app of the image acts on it. */
async function checkLaunch(launch: LaunchOptions, manifest: Manifest | undefined): Promise<string> {
  const { encodeLaunch, requireTaker } = await import("./launch.ts");
  const text = encodeLaunch(launch);
  if (manifest) requireTaker(manifest, launch);
  return text;
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
async function amountOf(imagesDir: string, workDir: string): Promise<Pick<RestoreResult, "bytes" | "stats">> {
  const [{ memoryIn }, { readRestoreStats }] = await Promise.all([
    import("../images/memory.ts"),
    import("../images/stats.ts"),
  ]);
  try {
    return { bytes: memoryIn(imagesDir), stats: readRestoreStats(workDir) };
  } catch (error) {
    if (error instanceof ImageError) return { bytes: 0 };
    throw error;
  }
}

interface Cuda extends Disposable {
  resume(pids: readonly number[]): Promise<unknown>;
}

/** What takes CUDA work back; few restores need it. @throws {RangeError} for a map of GPUs that is none. */
async function cudaIfAsked(asked: RestoreOptions["cuda"]): Promise<Cuda | undefined> {
  if (!asked) return undefined;
  const [{ openCudaProcesses }, { gpuPairs }] = await Promise.all([
    import("./cuda/processes.ts"),
    import("./cuda/calls.ts"),
  ]);
  const options = asked === true ? {} : asked;
  const { gpus } = options;
  if (gpus) gpuPairs(gpus);
  const processes = await openCudaProcesses(options);
  return { resume: (pids) => processes.resume(pids, gpus), [Symbol.dispose]: () => processes[Symbol.dispose]() };
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
