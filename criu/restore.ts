import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openCudaIfAsked } from "./cuda.ts";
import { gpuPairs } from "./cuda_calls.ts";
import type { Drive } from "./drive.ts";
import type { RestoreOptions, RestoreResult } from "./engine.ts";
import { CriuError, UsageError } from "./errors.ts";
import { requireRoot, runError } from "./failure.ts";
import { meanwhile } from "./meanwhile.ts";
import { now, watchPhases } from "./phases.ts";
import { awaitRebuilt } from "./rebuilt.ts";
import { carryOptions, requireFit } from "./record.ts";
import { processTree } from "./tree.ts";

const LOG = "restore.log";

/** Restores a process tree and waits until its apps are rebuilt. The same for every engine that runs CRIU. */
export async function restoreTree(drive: Drive, options: RestoreOptions): Promise<RestoreResult> {
  const imagesDir = resolve(options.imagesDir);
  const { timeoutMs = 10_000, signal } = options;
  signal?.throwIfAborted();
  requireRoot();
  if (!existsSync(join(imagesDir, "inventory.img"))) {
    throw new UsageError(
      `There is no image in ${imagesDir}: it has no inventory.img. Name the directory of a finished dump.`,
    );
  }
  using cuda = await openCudaIfAsked(options.cuda);
  const gpus = typeof options.cuda === "object" ? options.cuda.gpus : undefined;
  if (gpus) gpuPairs(gpus);
  const phases = watchPhases(options.onPhase);
  await requireFit(imagesDir, drive.version, options);
  const criuOptions = carryOptions(imagesDir, options.criuOptions ?? {});
  let refusal: unknown;
  let root = 0;
  let early: ReturnType<typeof awaitRebuilt> | undefined;
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
        if (hook === "pre-resume" && root > 0) early = meanwhile(() => awaitRebuilt(root, timeoutMs));
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
    const end = await drive.restore(run);
    const restoreMs = now() - started;
    if (end.exitCode === 0) {
      phases.enter("restored");
      // The apps run, and wait in CUDA for this.
      await cuda?.resume(processTree(end.pid), gpus);
      const processes = await (early ?? awaitRebuilt(end.pid, timeoutMs));
      phases.enter("rebuilt");
      return { pid: end.pid, restoreMs, processes };
    }
    if (refusal !== undefined) throw refusal;
    const failed = runError("restore", imagesDir, LOG, end);
    const taken = /Can't fork for (\d+): File exists/.exec(failed.log.join("\n"))?.[1];
    if (taken === undefined) throw failed;
    // Most likely the dumped process itself, until its parent has reaped it.
    phases.enter("waiting for the pid");
    while (existsSync(`/proc/${taken}`)) {
      signal?.throwIfAborted();
      if (now() > deadline) {
        throw new CriuError(
          "restore",
          `Cannot restore: pid ${taken} is taken. End that process, or restore in a pid namespace of its own.`,
          { log: failed.log },
        );
      }
      await sleep(10);
    }
  }
}
