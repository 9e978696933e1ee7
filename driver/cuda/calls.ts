import { type CudaOptions, openCuda } from "../../ffi/libcuda.ts";

const symbols = {
  cuCheckpointProcessCheckpoint: [["i32", "buffer"], "i32"],
  cuCheckpointProcessGetState: [["i32", "buffer"], "i32"],
  cuCheckpointProcessLock: [["i32", "buffer"], "i32"],
  cuCheckpointProcessRestore: [["i32", "buffer"], "i32"],
  cuCheckpointProcessUnlock: [["i32", "buffer"], "i32"],
} as const;

/** What NVIDIA's driver has done with a process; `none`: it does not use CUDA. */
export type CudaState = "running" | "locked" | "checkpointed" | "failed" | "none";

/** CUprocessState, in its order. */
const states: readonly CudaState[] = ["running", "locked", "checkpointed", "failed"];

/** The UUID of the GPU that was checkpointed, and of the one to restore onto: `GPU-…`, as nvidia-smi -L prints them. */
export type GpuMap = Readonly<Record<string, string>>;

/** The process checkpoint of NVIDIA's driver, for one process at a time. Every call blocks until it is done. */
export interface ProcessCheckpoint {
  state(pid: number): CudaState;
  /** running → locked: waits for its work, and blocks its further calls. After `timeoutMs` it is left running. */
  lock(pid: number, timeoutMs: number): void;
  /** locked → checkpointed: moves its GPU memory to the memory of the process, and closes its device files. */
  checkpoint(pid: number): void;
  /** checkpointed → locked. The map names every GPU that was checkpointed; without entries each goes back to its own. */
  restore(pid: number, gpus: GpuMap): void;
  /** locked → running. */
  unlock(pid: number): void;
}

// All four structures of arguments: what is not written must be zero.
const ARGUMENT_BYTES = 64;
const UUID_BYTES = 16;
// cuda.h
const CUDA_ERROR_INVALID_VALUE = 1;
const CUDA_ERROR_NOT_INITIALIZED = 3;

/**
 * Opens the process checkpoint of the driver.
 * @throws {CudaUnavailableError} without driver or GPU, or with a driver before CUDA 12.8.
 */
export async function openProcessCheckpoint(options?: CudaOptions): Promise<ProcessCheckpoint> {
  const cuda = await openCuda(options);
  const calls = cuda.bind(symbols, "12.8 (driver 570)");
  const check = (result: number, what: string, pid: number): void =>
    cuda.check(result, `${what} the CUDA work of process ${pid}`);
  return {
    state(pid) {
      const state = new Uint32Array(1);
      const result = calls.cuCheckpointProcessGetState(pid, new Uint8Array(state.buffer));
      // What the driver says of a process that has no CUDA, or whose CUDA never started.
      if (result === CUDA_ERROR_INVALID_VALUE || result === CUDA_ERROR_NOT_INITIALIZED) return "none";
      check(result, "look at", pid);
      return states[state[0] as number] ?? "failed";
    },
    lock: (pid, timeoutMs) => check(calls.cuCheckpointProcessLock(pid, lockArguments(timeoutMs)), "lock", pid),
    checkpoint: (pid) =>
      check(calls.cuCheckpointProcessCheckpoint(pid, new Uint8Array(ARGUMENT_BYTES)), "checkpoint", pid),
    restore(pid, gpus) {
      const pairs = gpuPairs(gpus);
      const address = pairs.length === 0 ? 0n : cuda.libc.runtime.addressOf(pairs);
      const args = restoreArguments(address, pairs.length / (2 * UUID_BYTES));
      check(calls.cuCheckpointProcessRestore(pid, args), "restore", pid);
      // Until here, so that the memory that only an address leads to is not given up before the call has ended.
      pairs.fill(0);
    },
    unlock: (pid) => check(calls.cuCheckpointProcessUnlock(pid, new Uint8Array(ARGUMENT_BYTES)), "unlock", pid),
  };
}

/** CUcheckpointLockArgs. */
export function lockArguments(timeoutMs: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(ARGUMENT_BYTES));
  view.setUint32(0, timeoutMs, true);
  return new Uint8Array(view.buffer);
}

/** CUcheckpointRestoreArgs. */
export function restoreArguments(gpuPairs: bigint, gpuPairsCount: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(ARGUMENT_BYTES));
  view.setBigUint64(0, gpuPairs, true);
  view.setUint32(8, gpuPairsCount, true);
  return new Uint8Array(view.buffer);
}

/** CUcheckpointGpuPair for each entry. Throws RangeError for what is no UUID, and for two GPUs onto the same one. */
export function gpuPairs(gpus: GpuMap): Uint8Array {
  const targets = Object.values(gpus);
  const twice = targets.find((uuid, i) => targets.indexOf(uuid) !== i);
  if (twice) throw new RangeError(`Cannot restore two GPUs onto ${twice}: name another one for one of them.`);
  return Uint8Array.from(Object.entries(gpus).flatMap(([from, to]) => [...uuidBytes(from), ...uuidBytes(to)]));
}

function uuidBytes(uuid: string): number[] {
  const hex = /^GPU-([\da-f]{8})-([\da-f]{4})-([\da-f]{4})-([\da-f]{4})-([\da-f]{12})$/i.exec(uuid)?.slice(1).join("");
  if (hex) return Array.from({ length: UUID_BYTES }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  throw new RangeError(`${JSON.stringify(uuid)} is no GPU: write it as nvidia-smi -L prints it, GPU-….`);
}
