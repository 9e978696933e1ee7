import { resolve } from "node:path";
import { UsageError } from "../criu/usage_error.ts";
import { awaitPoint } from "./at_point.ts";
import { checkOptions } from "./check_options.ts";
import { requireDescriptors } from "./descriptor_limit.ts";
import { DumpRefusedError, type Engine } from "./engine.ts";
import { knownDumpOptions, knownRestoreOptions } from "./known_options.ts";
import { encodeLaunch } from "./launch.ts";
import { Participants } from "./participants.ts";
import { now, watchPhases } from "./phases.ts";
import { awaitAll } from "./rebuilt.ts";

/**
 * Goes through all phases of a dump and a restore without CRIU: the apps are told for real, prepare for real and hold for real,
 * but nothing is frozen or written, and `restore` lets the same processes go on. They then see the outcome `restored` with
 * `simulated: true`, and their `generation` stays as it was. For testing resources on any Linux machine, without root. Dump and restore with the same engine.
 *
 * @example
 * ```ts
 * import { simulate } from "criu-aware/driver";
 * const engine = simulate();
 * await engine.dump({ pid: 1234, imagesDir: "/tmp/nothing-is-written" });
 * await engine.restore({ imagesDir: "/tmp/nothing-is-written" });
 * ```
 */
export function simulate(): Engine {
  const held = new Map<string, Participants>();
  return {
    kind: "simulate",
    async dump(options) {
      checkOptions(options, knownDumpOptions);
      requireDescriptors();
      const imagesDir = resolve(options.imagesDir);
      if (held.has(imagesDir))
        throw new UsageError(`Cannot dump into ${imagesDir}: a simulated dump is there already.`);
      const phases = watchPhases(options.onPhase);
      const started = now();
      using cleanup = new DisposableStack();
      if (options.atPoint) {
        phases.enter("waiting for the point");
        await awaitPoint(options.pid, options);
      }
      const participants = cleanup.use(await Participants.find(options.pid, options));
      phases.enter("notice");
      const refusals = await participants.prepare();
      if (refusals.length > 0) throw new DumpRefusedError(refusals);
      phases.enter("ready");
      phases.enter("dumped");
      const { pids, noticeId, warnings } = participants;
      if (options.leaveRunning) {
        participants.tell("continued");
      } else {
        cleanup.move();
        held.set(imagesDir, participants);
      }
      const noticeToReadyMs = phases.between("notice", "ready");
      const { leaveRunning: leftRunning = false, timeoutMs = 10_000 } = options;
      const dumpMs = now() - started;
      const processes = leftRunning ? await awaitAll(options.pid, pids, timeoutMs) : [];
      return { noticeId, pids, noticeToReadyMs, dumpMs, leftRunning, processes, warnings };
    },
    async restore(options) {
      checkOptions(options, knownRestoreOptions);
      const imagesDir = resolve(options.imagesDir);
      const phases = watchPhases(options.onPhase);
      const found = held.get(imagesDir);
      if (!found) throw new UsageError(`There is no simulated dump in ${imagesDir}: dump with the same engine first.`);
      const launch = options.launch && encodeLaunch(options.launch);
      held.delete(imagesDir);
      using participants = found;
      if (launch) participants.leaveLaunch(launch);
      const started = now();
      phases.enter("restoring");
      participants.tell("simulated");
      phases.enter("restored");
      const restoreMs = now() - started;
      const processes = await awaitAll(participants.pid, participants.pids, options.timeoutMs ?? 10_000);
      phases.enter("rebuilt");
      return { pid: participants.pid, restoreMs, bytes: 0, processes };
    },
  };
}
