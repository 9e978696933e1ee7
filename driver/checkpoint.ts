import { join } from "node:path";
import type { Agent } from "../agent.ts";
import { namesOf } from "../blockers/report.ts";
import type { CriuError } from "../criu/errors.ts";
import { findCriu } from "../criu/locate.ts";
import { leaveCgroups } from "../criu/options.ts";
import { runOptions, swrkArguments } from "../criu/rpc/options.ts";
import { dumpSelf } from "../criu/rpc/self.ts";
import { UsageError } from "../criu/usage_error.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import { processTree } from "../ffi/process_tree.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { describeEnvGate } from "../images/identity/env_gate.ts";
import type { DumpFacts } from "../images/manifest_shape.ts";
import { programsOf } from "../images/programs.ts";
import type { ResourceError } from "../lifecycle/errors.ts";
import type { Release } from "../lifecycle/ports.ts";
import { MAX_LEASE_MS } from "../lifecycle/time.ts";
import type { Notice, Outcome } from "../lifecycle/types.ts";
import { ownModule, programCommand } from "../package/program.ts";
import { describeSelf } from "./app_facts.ts";
import { checkOptions, type Known } from "./check_options.ts";
import { dumpDefaults } from "./defaults.ts";
import { denoDirWithoutLocks } from "./deno_cache.ts";
import { type DumpOptions, DumpRefusedError } from "./engine.ts";
import { runError } from "./failure.ts";
import { claimImagesDir, removeMark } from "./images_dir.ts";
import { Participants } from "./participants.ts";
import { dependsOf, recordDump } from "./record.ts";
import { requireRoot } from "./require_root.ts";
import { DENO_CACHE, moveIntoImages, openWorkDir, type WorkDir } from "./work_dir.ts";

const LOG = "dump.log";
/** What CRIU prints before it has a log. */
const EARLY_LOG = "criu.log";
const known: Known<CheckpointOptions> = {
  imagesDir: "path",
  trustImages: "flag",
  workDir: "path",
  leaveRunning: "flag",
  criuOptions: "other",
  timeoutMs: "time",
  labels: "other",
  digests: "digests",
  depends: "other",
  criu: "path",
};

/** Options of {@linkcode checkpoint}. */
export interface CheckpointOptions
  extends Pick<
    DumpOptions,
    | "imagesDir"
    | "trustImages"
    | "workDir"
    | "leaveRunning"
    | "criuOptions"
    | "timeoutMs"
    | "labels"
    | "digests"
    | "depends"
  > {
  /** The criu binary. @default that of our set-up, else the one on the PATH */
  readonly criu?: string;
}

/** What became of a checkpoint that this process asked for, in the life that reads it. */
export interface CheckpointResult {
  /** In which life this is read. */
  readonly outcome: Outcome;
  /** What could not be rebuilt after it. Empty when all is well. */
  readonly errors: readonly ResourceError[];
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
 * @throws {CriuError} when CRIU failed: the directory is as it was before, all go on. CRIU's log is elsewhere (`logFile`).
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
export async function checkpoint(agent: Agent, options: CheckpointOptions): Promise<CheckpointResult> {
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
  checkOptions(options, known);
  requireRoot();
  const depends = dependsOf(options);
  const { leaveRunning = false, timeoutMs = 10_000 } = options;
  const criuOptions = { ...dumpDefaults(options.criuOptions ?? {}, leaveRunning), ...options.criuOptions };
  const criu = findCriu(options.criu);
  const libc = await openLibc();
  using work = openWorkDir("dump", options.workDir);
  using images = claimImagesDir(libc, options.imagesDir, options.trustImages);
  const imagesDir = images.path;
  using others = await Participants.find(process.pid, {
    timeoutMs,
    criuOptions,
    // Nobody renews it while this process waits.
    leaseMs: MAX_LEASE_MS,
    unaware: true,
    leaveRunning,
    without: process.pid,
  }).catch((error: unknown) => {
    images.discard();
    throw error;
  });
  const { noticeId } = others;
  const self = await describeSelf();
  const apps = [self.app, ...others.apps()];
  const envGate = describeEnvGate([...self.envGate, ...others.envGate()], process.pid);
  // What this process was, it was before it was restored as well.
  const { program, programs, ownMounts } = programsOf(processTree(process.pid), {
    depends,
    runsSince: performance.timeOrigin,
  });
  const facts = {
    criu: criu.version,
    noticeId,
    apps,
    envGate,
    leftRunning: leaveRunning,
    criuOptions,
    programs,
    ownMounts,
  };
  const refusals = await others.prepare();
  if (refusals.length > 0) {
    images.discard();
    throw new DumpRefusedError(refusals);
  }

  const { labels = {} } = options;
  const opts = { ...runOptions(imagesDir, LOG, leaveCgroups(criuOptions)), leaveRunning };
  const then = leaveRunning ? [] : recorder(libc, imagesDir, work, { ...facts, labels });
  const notice: Notice = {
    id: noticeId,
    deadline: Date.now() + timeoutMs,
    criuOptions: [...namesOf(criuOptions), ...(leaveRunning ? ["leaveRunning"] : [])],
  };
  let failed: CriuError | undefined;
  const hold = (): Release => {
    others.mayBeDumped();
    const log = join(work.path, EARLY_LOG);
    const args = swrkArguments(criuOptions, work.path);
    const { outcome, crErrno } = dumpSelf(libc, { criu: criu.path, args, opts, log, then });
    if (outcome !== "aborted") return { outcome, simulated: false };
    failed = runError("dump", join(work.path, LOG), { exitCode: 1, crErrno: crErrno ?? 0, stderr: readOrEmpty(log) });
    work.keep();
    return { outcome: images.discard() ? "aborted" : "continued", simulated: false };
  };
  images.leaveMark({ program });
  const result = await new Promise<CheckpointResult>((resolve, reject) => {
    agent.deliver(notice, {
      hold,
      reply(reply) {
        if (reply.reply === "ready") return;
        others.tell("aborted");
        images.discard();
        reject(new DumpRefusedError([{ pid: process.pid, reasons: reply.reasons }]));
      },
      outcome: (outcome, errors) => resolve({ outcome, errors }),
    });
  });
  const { outcome } = result;
  if (outcome === "restored") {
    // In a copy it is long gone, and what has its name is somebody else's.
    work.keep();
    others.leaveHeld();
  } else others.tell(outcome);
  if (failed) throw failed;
  if (outcome === "continued" && leaveRunning) {
    moveIntoImages(work.path, imagesDir);
    await recordDump(imagesDir, { ...facts, ...(program ? { program } : {}) }, options);
    removeMark(imagesDir);
  }
  return result;
}

/** A command that writes the manifest, for this process will have ended. Deno's needs a cache that is not this process's. */
function recorder({ runtime }: Libc, imagesDir: string, work: WorkDir, facts: DumpFacts): string[] {
  const program = programCommand(runtime.name, ownModule("./recorder", import.meta.url));
  const remove = work.isFresh ? ["--remove"] : [];
  const command = [...program, imagesDir, JSON.stringify(facts), work.path, ...remove];
  if (runtime.name !== "deno") return command;
  return ["env", `DENO_DIR=${denoDirWithoutLocks(join(work.path, DENO_CACHE))}`, ...command];
}
