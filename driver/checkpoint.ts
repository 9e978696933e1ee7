import { join } from "node:path";
import type { Agent } from "../attach.ts";
import type { CriuError } from "../criu/errors.ts";
import { findCriu } from "../criu/locate.ts";
import { runOptions, swrkArguments } from "../criu/rpc/options.ts";
import { dumpSelf } from "../criu/rpc/self.ts";
import { UsageError } from "../criu/usage_error.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import type { DumpFacts } from "../images/manifest_shape.ts";
import { programsOf } from "../images/programs.ts";
import type { Release } from "../lifecycle/lifecycle.ts";
import type { Notice, Outcome } from "../lifecycle/types.ts";
import { ownModule, programCommand } from "../package/program.ts";
import { checkOptions } from "./check_options.ts";
import { type DumpOptions, DumpRefusedError } from "./engine.ts";
import { requireRoot, runError } from "./failure.ts";
import { claimImagesDir, removeMark } from "./images_dir.ts";
import { Participants } from "./participants.ts";
import { recordDump } from "./record.ts";

const LOG = "dump.log";
/** What CRIU prints before it has a log. */
const EARLY_LOG = "criu.log";
/** Longer than any dump: apps of the tree have no driver that renews it while this process waits. */
const LEASE_MS = 600_000;

/** Options of {@linkcode checkpoint}. */
export interface CheckpointOptions
  extends Pick<
    DumpOptions,
    "imagesDir" | "trustImages" | "leaveRunning" | "criuOptions" | "timeoutMs" | "labels" | "digests"
  > {
  /** The criu binary. @default that of our set-up, else the one on the PATH */
  readonly criu?: string;
}

/**
 * Dumps this very process, and all below it. Every resource is prepared, the process holds while CRIU works, and the promise
 * resolves with the outcome in both lives: with `restored` in every process that comes out of the image, at once or years
 * later, and, with `leaveRunning`, with `continued` in this one (without, it ends here, and an orphan of it writes the manifest a
 * moment later).
 *
 * CRIU must not be in the tree that it dumps: it is started as an orphan, so this process must not be pid 1.
 *
 * @throws {UsageError} when this process is pid 1 of its pid namespace, when a checkpoint is under way (a hook cannot ask for
 * one) or the agent was disposed, and when the directory is not empty, another dump has it, or others may look into it or replace
 * it.
 * @throws {DumpRefusedError} when a resource, or another attached process of the tree, refused. All go on.
 * @throws {CriuError} when CRIU failed: the images were removed, all go on.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { checkpoint } from "criu-aware/driver";
 *
 * const agent = await attach({ strategies: [] });
 * const { outcome } = await checkpoint(agent, { imagesDir: "/var/tmp/images", leaveRunning: true });
 * console.log(outcome === "restored" ? "I am a copy" : "I am the original");
 * ```
 */
export async function checkpoint(agent: Agent, options: CheckpointOptions): Promise<{ readonly outcome: Outcome }> {
  if (process.pid === 1) {
    throw new UsageError(
      "Cannot dump pid 1 from inside: CRIU would be in the tree that it dumps. Start the app below a small init (docker run " +
        "--init, tini), or dump it from outside: criu-aware dump PID.",
    );
  }
  if (agent.state !== "running") {
    const why = agent.state === "detached" ? "its agent was disposed" : "a checkpoint is under way";
    throw new UsageError(`Cannot dump this process now: ${why}.`);
  }
  checkOptions(options);
  requireRoot();
  const { leaveRunning = false, criuOptions = {}, timeoutMs = 10_000 } = options;
  const criu = findCriu(options.criu);
  const libc = await openLibc();
  using images = claimImagesDir(libc, options.imagesDir, options.trustImages);
  const imagesDir = images.path;
  using others = await Participants.find(process.pid, {
    timeoutMs,
    criuOptions,
    leaseMs: LEASE_MS,
    unaware: true,
    without: process.pid,
  });
  const { noticeId } = others;
  const { name, version } = libc.runtime;
  const self = { pid: process.pid, runtime: `${name} ${version}`, generation: agent.generation };
  const apps = [self, ...others.apps()];
  const facts = {
    criu: criu.version,
    noticeId,
    apps,
    leftRunning: leaveRunning,
    criuOptions,
    ...programsOf([process.pid]),
  };
  const refusals = await others.prepare();
  if (refusals.length > 0) {
    images.discard();
    throw new DumpRefusedError(refusals);
  }

  const { labels = {} } = options;
  const opts = { ...runOptions(imagesDir, LOG, criuOptions), leaveRunning };
  const then = leaveRunning ? [] : recorder(libc, imagesDir, { ...facts, labels });
  const notice: Notice = {
    id: noticeId,
    deadline: Date.now() + timeoutMs,
    criuOptions: Object.keys(criuOptions),
  };
  let failed: CriuError | undefined;
  const hold = (): Release => {
    others.mayBeDumped();
    const log = join(imagesDir, EARLY_LOG);
    const { outcome, crErrno } = dumpSelf(libc, { criu: criu.path, args: swrkArguments(criuOptions), opts, log, then });
    if (outcome !== "aborted") return { outcome, simulated: false };
    failed = runError("dump", imagesDir, LOG, { exitCode: 1, crErrno: crErrno ?? 0, stderr: "" });
    return { outcome: images.discard() ? "aborted" : "continued", simulated: false };
  };
  images.leaveMark();
  const outcome = await new Promise<Outcome>((resolve, reject) => {
    agent.deliver(notice, {
      hold,
      reply(reply) {
        if (reply.reply === "ready") return;
        others.tell("aborted");
        images.discard();
        reject(new DumpRefusedError([{ pid: process.pid, reasons: reply.reasons }]));
      },
      outcome: resolve,
    });
  });
  if (outcome === "restored") others.leaveHeld();
  else others.tell(outcome);
  if (failed) throw failed;
  if (outcome === "continued" && leaveRunning) {
    await recordDump(imagesDir, facts, options);
    removeMark(imagesDir);
  }
  return { outcome };
}

/** A command that writes the manifest, for this process will have ended. */
function recorder({ runtime }: Libc, imagesDir: string, facts: DumpFacts): string[] {
  const program = programCommand(runtime.name, ownModule("./recorder", import.meta.url));
  return [...program, imagesDir, JSON.stringify(facts)];
}
