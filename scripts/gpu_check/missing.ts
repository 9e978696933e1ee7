import { existsSync } from "node:fs";
import { openProcessCheckpoint } from "../../driver/cuda/calls.ts";
import { locateCriu } from "../../driver/mod.ts";
import { type Cuda, type CudaOptions, openCuda } from "../../ffi/libcuda.ts";

/** What was looked for: `cuda` when it is there, and a line for each thing that is not. */
export interface Found {
  readonly cuda: Cuda | undefined;
  /** Without these nothing can be measured. */
  readonly needed: readonly string[];
  /** Without these the checkpoints are left out. */
  readonly forCriu: readonly string[];
}

export async function findAll(options: CudaOptions): Promise<Found> {
  const needed: string[] = [];
  const forCriu: string[] = [];
  const reason = (error: unknown): string => (error as Error).message;
  const cuda = await openCuda(options).catch((error) => void needed.push(reason(error)));
  if (options.library === undefined && !existsSync("/dev/nvidiactl")) {
    needed.push("There is no /dev/nvidiactl: load NVIDIA's kernel module (modprobe nvidia), or pass its devices on.");
  }
  if (process.geteuid?.() !== 0) forCriu.push("CRIU needs root: run the same command with sudo.");
  try {
    locateCriu();
  } catch (error) {
    forCriu.push(reason(error));
  }
  // The same reason as above is said once.
  if (cuda) await openProcessCheckpoint(options).catch((error) => void forCriu.push(reason(error)));
  return { cuda: cuda ?? undefined, needed, forCriu };
}
