import { describeBlocker } from "../blockers/inside.ts";
import { findBlockers } from "../blockers/scan.ts";
import type { Runner } from "../criu/run.ts";
import { openLibc } from "../ffi/libc.ts";
import { processTree } from "../ffi/process_tree.ts";
import { describeMachine } from "../images/machine.ts";
import { describeImages } from "../images/manifest.ts";
import type { ImageFacts } from "../images/manifest_shape.ts";
import { programsOf } from "../images/programs.ts";
import { alongside } from "./alongside.ts";
import { checkOptions } from "./check_options.ts";
import { openCudaIfAsked } from "./cuda/processes.ts";
import { type DumpOptions, DumpRefusedError, type DumpResult } from "./engine.ts";
import { requireRoot, runError } from "./failure.ts";
import { claimImagesDir } from "./images_dir.ts";
import { Participants, type Refusal } from "./participants.ts";
import { now, watchPhases } from "./phases.ts";
import { awaitAll } from "./rebuilt.ts";
import { dependsOf, recordDump } from "./record.ts";

const LOG = "dump.log";
/** A process that was just started shares the CPU of who started it until that one waits: who is busy here keeps CRIU from starting. */
const STARTING_MS = 3;

/** Dumps a process tree: notice, hold, CRIU, outcome. The same for every engine that runs CRIU. */
export async function dumpTree(runner: Runner, options: DumpOptions): Promise<DumpResult> {
  const { pid, leaveRunning = false, criuOptions = {}, manifest = true, signal } = options;
  signal?.throwIfAborted();
  checkOptions(options);
  requireRoot();
  const depends = dependsOf(options);
  using cuda = await openCudaIfAsked(options.cuda);
  const phases = watchPhases(options.onPhase);
  using images = claimImagesDir(await openLibc(), options.imagesDir, options.trustImages);
  const imagesDir = images.path;
  using stack = new DisposableStack();
  const found = alongside(async () => stack.use(await Participants.find(pid, options)), STARTING_MS);
  const firstScan = alongside(() => blocked(pid, options), STARTING_MS);
  const surroundings = alongside(async () => {
    if (!manifest) return {};
    const runsSince = await found.then(
      (participants) => participants.runSince(),
      () => undefined,
    );
    return { ...programsOf(processTree(pid), { depends, runsSince }), machine: describeMachine() };
  }, STARTING_MS);
  const apps = found.then((participants) => participants.apps());
  apps.catch(() => {});
  let described: Promise<ImageFacts> | undefined;
  let refusals: readonly Refusal[] = [];
  const steps: Record<string, () => Promise<readonly Refusal[]>> = {
    async "pre-dump"() {
      const participants = await found;
      phases.enter("notice");
      const refused = await participants.prepare();
      if (refused.length > 0) return refused;
      participants.mayBeDumped();
      phases.enter("ready");
      // Before the scan: it closes the device files.
      await cuda?.suspend(processTree(pid), typeof options.cuda === "object" ? options.cuda : {});
      // Hooks let go of things: what was nowhere before them is not there now, and CRIU has the last word.
      return (await firstScan).length > 0 ? blocked(pid, options) : [];
    },
    async "post-dump"() {
      phases.enter("frozen");
      if (manifest) described = alongside(() => describeImages(imagesDir, options.digests));
      return (await found).noLongerHeld();
    },
  };
  const onHook = async (hook: string): Promise<boolean> => {
    try {
      refusals = (await steps[hook]?.()) ?? [];
      if (refusals.length === 0) await options.onHook?.(hook);
    } catch (error) {
      refusals = [{ pid, reasons: [(error as Error).message] }];
    }
    return refusals.length === 0 && !signal?.aborted;
  };

  const started = now();
  const failed = await runner.dump({ pid, imagesDir, log: LOG, leaveRunning, criuOptions, onHook }).then(
    (end) => (end.exitCode === 0 ? undefined : runError("dump", imagesDir, LOG, end)),
    (error: unknown) => error,
  );
  // Before anybody is told: the hooks of the apps use it.
  const cudaFailure =
    failed !== undefined || leaveRunning ? await failureOf(cuda?.resume(processTree(pid))) : undefined;
  const participants = await found.catch((error: unknown) => {
    // Nobody was told: the directory is left as it was.
    images.withdraw();
    throw error;
  });
  if (failed !== undefined) {
    participants.tell(images.discard() ? "aborted" : "continued");
    if (cudaFailure) throw cudaFailure;
    signal?.throwIfAborted();
    throw refusals.length > 0 ? new DumpRefusedError(refusals) : failed;
  }
  phases.enter("dumped");
  if (leaveRunning) participants.tell("continued");
  if (cudaFailure) throw cudaFailure;
  const { noticeId, pids, warnings } = participants;
  if (manifest) {
    const facts = { criu: runner.version, noticeId, apps: await apps, leftRunning: leaveRunning, criuOptions };
    await recordDump(imagesDir, { ...facts, ...(await surroundings) }, options, described);
    phases.enter("recorded");
  }
  const dumpMs = now() - started;
  return {
    noticeId,
    pids,
    noticeToReadyMs: phases.between("notice", "ready"),
    dumpMs,
    leftRunning: leaveRunning,
    processes: leaveRunning ? await awaitAll(pid, pids, options.timeoutMs ?? 10_000) : [],
    warnings,
  };
}

function failureOf(work: Promise<unknown> | undefined): Promise<unknown> | undefined {
  return work?.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** What CRIU would fail on: with all ready, what is left is meant to stay. */
async function blocked(pid: number, { criuOptions = {}, ignore = [] }: DumpOptions): Promise<Refusal[]> {
  const blockers = await findBlockers(processTree(pid), { criuOptions, ignore });
  return blockers
    .filter(({ blocking }) => blocking)
    .map((blocker) => ({ pid: blocker.pid, reasons: [describeBlocker(blocker)] }));
}
