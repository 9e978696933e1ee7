import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CriuError } from "../criu/errors.ts";
import type { Runner } from "../criu/run.ts";
import { UsageError } from "../criu/usage_error.ts";
import { processTree } from "../ffi/process_tree.ts";
import { alongside } from "./alongside.ts";
import { gpuPairs } from "./cuda/calls.ts";
import { openCudaIfAsked } from "./cuda/processes.ts";
import type { RestoreOptions, RestoreResult } from "./engine.ts";
import { requireRoot, runError } from "./failure.ts";
import { now, watchPhases } from "./phases.ts";
import { awaitRebuilt } from "./rebuilt.ts";
import { carryOptions, requireFit } from "./record.ts";
import { requireTrustedImages } from "./trusted_images.ts";

const LOG = "restore.log";

/** Restores a process tree and waits until its apps are rebuilt. The same for every engine that runs CRIU. */
export async function restoreTree(runner: Runner, options: RestoreOptions): Promise<RestoreResult> {
  const imagesDir = resolve(options.imagesDir);
  const { timeoutMs = 10_000, signal } = options;
  signal?.throwIfAborted();
  requireRoot();
  if (!existsSync(join(imagesDir, "inventory.img"))) {
    throw new UsageError(
      `There is no image in ${imagesDir}: it has no inventory.img. Name the directory of a finished dump.`,
    );
  }
  if (!options.trustImages) requireTrustedImages(imagesDir);
  using cuda = await openCudaIfAsked(options.cuda);
  const gpus = typeof options.cuda === "object" ? options.cuda.gpus : undefined;
  if (gpus) gpuPairs(gpus);
  const phases = watchPhases(options.onPhase);
  await requireFit(imagesDir, runner.version, options);
  const criuOptions = carryOptions(imagesDir, options.criuOptions ?? {});
  let refusal: unknown;
  let root = 0;
  let rebuilding: ReturnType<typeof awaitRebuilt> | undefined;
  const run = {
    imagesDir,
    log: LOG,
    criuOptions,
    asks: signal !== undefined || options.onHook !== undefined,
    async onHook(hook: string, pid?: number): Promise<boolean> {
      if (hook === "post-restore" && pid !== undefined) root = pid;
      try {
        await options.onHook?.(hook, pid);
        signal?.throwIfAborted();
        // In a moment the apps run, and CRIU has only to end.
        if (hook === "pre-resume" && root > 0) rebuilding = alongside(() => awaitRebuilt(root, timeoutMs));
        return true;
      } catch (error) {
        refusal = error;
        return false;
      }
    },
  };
  for (const deadline = now() + timeoutMs; ; ) {
    phases.enter("restoring");
    const started = now();
    const end = await runner.restore(run);
    const restoreMs = now() - started;
    if (end.exitCode === 0) {
      phases.enter("restored");
      // The apps run, and wait in CUDA for this.
      await cuda?.resume(processTree(end.pid), gpus);
      const processes = await (rebuilding ?? awaitRebuilt(end.pid, timeoutMs));
      phases.enter("rebuilt");
      return { pid: end.pid, restoreMs, processes };
    }
    if (refusal !== undefined) throw refusal;
    const failed = runError("restore", imagesDir, LOG, end);
    const takenPid = /Can't fork for (\d+): File exists/.exec(failed.log.join("\n"))?.[1];
    if (takenPid === undefined) throw failed;
    // Most likely the dumped process itself, until its parent has reaped it.
    phases.enter("waiting for the pid");
    while (existsSync(`/proc/${takenPid}`)) {
      signal?.throwIfAborted();
      if (now() > deadline) {
        throw new CriuError(
          "restore",
          `Cannot restore: pid ${takenPid} is taken. End that process, or restore in a pid namespace of its own.`,
          { log: failed.log },
        );
      }
      await sleep(10);
    }
  }
}
