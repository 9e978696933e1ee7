import { join } from "node:path";
import { describeCure, describeThing } from "../blockers/inside.ts";
import { findBlockers } from "../blockers/scan.ts";
import { leaveCgroups } from "../criu/options.ts";
import type { Runner } from "../criu/run.ts";
import { openLibc } from "../ffi/libc.ts";
import { processTree } from "../ffi/process_tree.ts";
import { describeEnvGate } from "../images/identity/env_gate.ts";
import { describeMachine } from "../images/machine.ts";
import type { DumpFacts, ImageFacts } from "../images/manifest_shape.ts";
import { programsOf } from "../images/programs.ts";
import { describeImages } from "../images/write_manifest.ts";
import { alongside } from "./alongside.ts";
import { awaitPoint } from "./at_point.ts";
import { checkOptions } from "./check_options.ts";
import { openCudaIfAsked } from "./cuda/processes.ts";
import { dumpOptions } from "./defaults.ts";
import { type DumpOptions, DumpRefusedError, type DumpResult } from "./engine.ts";
import { runError } from "./failure.ts";
import { claimImagesDir } from "./images_dir.ts";
import { knownDumpOptions } from "./known_options.ts";
import { orAborted } from "./or_aborted.ts";
import { Participants, type Refusal } from "./participants.ts";
import { now, watchPhases } from "./phases.ts";
import { awaitAll } from "./rebuilt.ts";
import { dependsOf, recordDump } from "./record.ts";
import { requireRoot } from "./require_root.ts";
import { requireOther } from "./root_of_tree.ts";
import { endedMeanwhile, watchRoot, withRemarks } from "./watch_root.ts";
import { moveIntoImages, openWorkDir } from "./work_dir.ts";

const LOG = "dump.log";
/** A process that was just started shares the CPU of who started it until that one waits: who is busy here keeps CRIU from starting. */
const STARTING_MS = 3;

/** Dumps a process tree: notice, hold, CRIU, outcome. The same for every engine that runs CRIU. */
export async function dumpTree(runner: Runner, given: DumpOptions): Promise<DumpResult> {
  const { pid, leaveRunning = false, manifest = true, signal } = given;
  signal?.throwIfAborted();
  checkOptions(given, knownDumpOptions);
  requireRoot();
  requireOther(pid);
  const depends = dependsOf(given);
  const criu = await runner.version();
  using cuda = await openCudaIfAsked(given.cuda);
  const phases = watchPhases(given.onPhase);
  const libc = await openLibc();
  using work = openWorkDir("dump", given.workDir);
  using images = claimImagesDir(libc, given.imagesDir, given.trustImages);
  const imagesDir = images.path;
  const logFile = join(work.path, LOG);
  if (given.atPoint) {
    phases.enter("waiting for the point");
    await awaitPoint(pid, given).catch((error: unknown) => {
      images.discard();
      throw error;
    });
  }
  using stack = new DisposableStack();
  const found = alongside(async () => stack.use(await Participants.find(pid, given)), STARTING_MS);
  const criuOptions = await dumpOptions(libc, pid, found, given.criuOptions ?? {}, leaveRunning);
  const options = { ...given, criuOptions };
  const surroundings = alongside(async () => {
    if (!manifest) return {};
    const runsSince = await found.then(
      (participants) => participants.runSince(),
      () => undefined,
    );
    return { ...programsOf(processTree(pid), { depends, runsSince }), machine: describeMachine() };
  }, STARTING_MS);
  let apps: Pick<DumpFacts, "apps" | "envGate"> = { apps: [] };
  let described: Promise<ImageFacts> | undefined;
  let withCuda: readonly number[] = [];
  let refusals: readonly Refusal[] = [];
  const steps: Record<string, () => Promise<readonly Refusal[]>> = {
    async "pre-dump"() {
      const participants = await found;
      phases.enter("notice");
      const refused = await participants.prepare(criuOptions);
      if (refused.length > 0) return refused;
      participants.mayBeDumped();
      apps = { apps: participants.apps(), envGate: describeEnvGate(participants.envGate(), pid) };
      phases.enter("ready");
      // Before the scan: it closes the device files.
      const how = typeof options.cuda === "object" ? options.cuda : {};
      withCuda = (await cuda?.suspend(processTree(pid), how)) ?? [];
      // Also what the hooks themselves have opened.
      return blocked(pid, options);
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
      if (refusals.length === 0) await orAborted(options.onHook?.(hook), signal);
      // From here on CRIU ends the tree.
      if (hook === "post-dump") {
        if (refusals.length === 0) images.requireWhole();
        watch.disregard();
      }
    } catch (error) {
      refusals = [{ pid, reasons: [(error as Error).message] }];
    }
    return refusals.length === 0 && !signal?.aborted;
  };

  const started = now();
  using watch = watchRoot(libc, pid);
  const run = {
    pid,
    onStart: watch.started,
    imagesDir,
    workDir: work.path,
    log: LOG,
    leaveRunning,
    criuOptions: leaveCgroups(criuOptions),
    onHook,
  };
  const failed = await runner.dump(run).then(
    (end) => (end.exitCode === 0 ? undefined : runError("dump", logFile, end)),
    (error: unknown) => error,
  );
  // Before anybody is told: the hooks of the apps use it.
  const cudaFailure =
    failed !== undefined || leaveRunning ? await failureOf(cuda?.resume(processTree(pid))) : undefined;
  const participants = await found.catch((error: unknown) => {
    images.discard();
    throw error;
  });
  if (failed !== undefined) {
    participants.tell(images.discard() ? "aborted" : "continued");
    if (cudaFailure) throw cudaFailure;
    signal?.throwIfAborted();
    // CRIU's log has nothing that the reasons do not say.
    if (refusals.length > 0) throw new DumpRefusedError(refusals, work.isFresh ? undefined : logFile);
    work.keep();
    throw watch.hasEnded() ? endedMeanwhile(pid, logFile) : await withRemarks(failed, pid, logFile);
  }
  phases.enter("dumped");
  if (leaveRunning) participants.tell("continued");
  if (cudaFailure) throw cudaFailure;
  moveIntoImages(work.path, imagesDir);
  const { noticeId, pids, warnings } = participants;
  if (manifest) {
    const facts = {
      criu,
      noticeId,
      ...apps,
      leftRunning: leaveRunning,
      cuda: withCuda.length > 0,
      criuOptions,
    };
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
async function blocked(
  pid: number,
  { criuOptions = {}, ignore = [], leaveRunning = false }: DumpOptions,
): Promise<Refusal[]> {
  const blockers = await findBlockers(processTree(pid), { criuOptions, ignore, leaveRunning });
  return blockers
    .filter(({ blocking }) => blocking)
    .map((blocker) => ({
      pid: blocker.pid,
      reasons: [describeThing(blocker, blocker.pid)],
      cure: describeCure(blocker.cure),
    }));
}
