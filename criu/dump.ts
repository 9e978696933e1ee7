import { resolve } from "node:path";
import { describeBlocker } from "./blockers/inside.ts";
import { findBlockers } from "./blockers/scan.ts";
import type { Drive } from "./drive.ts";
import { type DumpOptions, DumpRefusedError, type DumpResult } from "./engine.ts";
import { requireRoot, runError } from "./failure.ts";
import { discardImages, makeImagesDir } from "./images_dir.ts";
import { Participants, type Refusal } from "./participants.ts";
import { now, watchPhases } from "./phases.ts";
import { recordDump } from "./record.ts";
import { processTree } from "./tree.ts";

const LOG = "dump.log";

/** Dumps a process tree: notice, hold, CRIU, outcome. The same for every engine that runs CRIU. */
export async function dumpTree(drive: Drive, options: DumpOptions): Promise<DumpResult> {
  const imagesDir = resolve(options.imagesDir);
  const { pid, leaveRunning = false, criuOptions = {}, signal } = options;
  signal?.throwIfAborted();
  requireRoot();
  const phases = watchPhases(options.onPhase);
  using participants = await Participants.find(pid, options);
  makeImagesDir(imagesDir);
  const apps = participants.apps();

  let refusals: readonly Refusal[] = [];
  const steps: Record<string, () => Promise<readonly Refusal[]> | readonly Refusal[]> = {
    async "pre-dump"() {
      phases.enter("notice");
      const refused = await participants.prepare();
      if (refused.length > 0) return refused;
      phases.enter("ready");
      return blocked(pid, options);
    },
    "post-dump"() {
      phases.enter("frozen");
      return participants.strayed();
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
  const failed = await drive.dump({ pid, imagesDir, log: LOG, leaveRunning, criuOptions, onHook }).then(
    (end) => (end.exitCode === 0 ? undefined : runError("dump", imagesDir, LOG, end)),
    (error: unknown) => error,
  );
  if (failed !== undefined) {
    participants.tell(discardImages(imagesDir, LOG) ? "aborted" : "continued");
    signal?.throwIfAborted();
    throw refusals.length > 0 ? new DumpRefusedError(refusals) : failed;
  }
  phases.enter("dumped");
  if (leaveRunning) participants.tell("continued");
  const { noticeId } = participants;
  const facts = { criu: drive.version, noticeId, apps, leftRunning: leaveRunning, criuOptions };
  await recordDump(imagesDir, facts, options);
  phases.enter("recorded");
  return {
    noticeId: participants.noticeId,
    pids: participants.pids,
    noticeToReadyMs: phases.between("notice", "ready"),
    dumpMs: now() - started,
    leftRunning: leaveRunning,
  };
}

/** What CRIU would fail on: with all ready, what is left is meant to stay. */
async function blocked(pid: number, { criuOptions = {}, ignore = [] }: DumpOptions): Promise<Refusal[]> {
  const blockers = await findBlockers(processTree(pid), { criuOptions, ignore });
  return blockers
    .filter(({ blocking }) => blocking)
    .map((blocker) => ({ pid: blocker.pid, reasons: [describeBlocker(blocker)] }));
}
