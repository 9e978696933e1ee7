import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { $ } from "zx";
import {
  type DumpOptions,
  DumpRefusedError,
  type DumpResult,
  type Engine,
  type RestoreOptions,
  type RestoreResult,
} from "./engine.ts";
import { CriuError, UsageError } from "./errors.ts";
import { HookChannel } from "./hook_channel.ts";
import { discardImages, makeImagesDir } from "./images_dir.ts";
import { locateCriu } from "./locate.ts";
import { firstErrors } from "./log.ts";
import { Participants, type Refusal } from "./participants.ts";
import { now, watchPhases } from "./phases.ts";
import { awaitRebuilt } from "./rebuilt.ts";

const hook = join(import.meta.dirname as string, "hook.sh");
const DUMP_LOG = "dump.log";
const RESTORE_LOG = "restore.log";

/** Options of {@linkcode command}. */
export interface CommandOptions {
  /** The criu binary. @default that of our set-up, else the one on the PATH */
  readonly criu?: string;
}

/**
 * Drives the `criu` binary, with our action script. The script asks this process (hook_channel.ts): when this process dies, the
 * script fails, CRIU gives up, and the apps go on.
 *
 * @throws {CriuError} when CRIU is missing or too old.
 * @example
 * ```ts
 * import { command } from "criu-aware/criu";
 * const { noticeToReadyMs } = await command().dump({ pid: 1234, imagesDir: "/var/tmp/images" });
 * ```
 */
export function command(options: CommandOptions = {}): Engine {
  const criu = locateCriu(options.criu);
  return {
    kind: "command",
    dump: (dump) => runDump(criu, dump),
    restore: (restore) => runRestore(criu, restore),
  };
}

async function runDump(criu: string, options: DumpOptions): Promise<DumpResult> {
  const imagesDir = resolve(options.imagesDir);
  const { pid, leaveRunning = false, criuOptions = [] } = options;
  requireRoot();
  const phases = watchPhases(options.onPhase);
  using participants = await Participants.find(pid, options);
  makeImagesDir(imagesDir);

  let refusals: Refusal[] = [];
  const ask = async (step: () => Promise<Refusal[]> | Refusal[]): Promise<boolean> => {
    try {
      refusals = await step();
    } catch (error) {
      refusals = [{ pid, reasons: [(error as Error).message] }];
    }
    return refusals.length === 0;
  };
  using channel = await HookChannel.open({
    "pre-dump": async () => {
      phases.enter("notice");
      const ready = await ask(() => participants.prepare());
      if (ready) phases.enter("ready");
      return ready;
    },
    "post-dump": () => {
      phases.enter("frozen");
      return ask(() => participants.strayed());
    },
  });

  const started = now();
  const args = ["--tree", String(pid), "--images-dir", imagesDir, "--log-file", DUMP_LOG, "--action-script", hook];
  if (leaveRunning) args.push("--leave-running");
  const env = { ...process.env, ...channel.env };
  const { exitCode, stderr } = await $({ ...quiet, env })`exec ${criu} dump ${args} ${criuOptions}`;
  if (exitCode !== 0) {
    const failed = failure("dump", imagesDir, exitCode, stderr);
    participants.tell(discardImages(imagesDir, DUMP_LOG) ? "aborted" : "continued");
    throw refusals.length > 0 ? new DumpRefusedError(refusals) : failed;
  }
  phases.enter("dumped");
  if (leaveRunning) participants.tell("continued");
  return {
    noticeId: participants.noticeId,
    pids: participants.pids,
    noticeToReadyMs: phases.between("notice", "ready"),
    dumpMs: now() - started,
    leftRunning: leaveRunning,
  };
}

async function runRestore(criu: string, options: RestoreOptions): Promise<RestoreResult> {
  const imagesDir = resolve(options.imagesDir);
  const { criuOptions = [], timeoutMs = 10_000 } = options;
  requireRoot();
  if (!existsSync(join(imagesDir, "inventory.img"))) {
    throw new UsageError(
      `There is no image in ${imagesDir}: it has no inventory.img. Name the directory of a finished dump.`,
    );
  }
  const phases = watchPhases(options.onPhase);
  const pidFile = join(imagesDir, "restore.pid");
  const args = ["--images-dir", imagesDir, "--log-file", RESTORE_LOG, "--pidfile", pidFile, "--restore-detached"];
  for (const end = now() + timeoutMs; ; ) {
    rmSync(pidFile, { force: true });
    phases.enter("restoring");
    const started = now();
    const { exitCode, stderr } = await $(quiet)`exec ${criu} restore ${args} ${criuOptions}`;
    const restoreMs = now() - started;
    if (exitCode === 0) {
      phases.enter("restored");
      const pid = Number(readFileSync(pidFile, "utf8"));
      rmSync(pidFile);
      const processes = await awaitRebuilt(pid, timeoutMs);
      phases.enter("rebuilt");
      return { pid, restoreMs, processes };
    }
    const failed = failure("restore", imagesDir, exitCode, stderr);
    const { log } = failed;
    const taken = /Can't fork for (\d+): File exists/.exec(log.join("\n"))?.[1];
    if (taken === undefined) throw failed;
    // Most likely the dumped process itself, until its parent has reaped it.
    phases.enter("waiting for the pid");
    while (existsSync(`/proc/${taken}`)) {
      if (now() > end) {
        throw new CriuError(
          "restore",
          `Cannot restore: pid ${taken} is taken. End that process, or restore in a pid namespace of its own.`,
          { log },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const quiet = { quiet: true, nothrow: true };

function failure(phase: "dump" | "restore", imagesDir: string, exitCode: number | null, stderr: string): CriuError {
  const file = join(imagesDir, phase === "dump" ? DUMP_LOG : RESTORE_LOG);
  const errors = firstErrors(file);
  return new CriuError(phase, `CRIU's ${phase} failed with exit code ${exitCode}; see ${file}`, {
    ...(exitCode === null ? {} : { exitCode }),
    log: errors.length > 0 ? errors : stderr.trim().split("\n"),
  });
}

function requireRoot(): void {
  if (process.geteuid?.() !== 0) throw new CriuError("start", "CRIU needs root here. Run the same command with sudo.");
}
