import { spawn } from "node:child_process";
import { openLibc } from "../../ffi/libc.ts";
import type { CudaOptions } from "../../ffi/libcuda.ts";
import { CudaError } from "../../ffi/libcuda_errors.ts";
import type { Runtime } from "../../ffi/runtime.ts";
import { ownModule, programCommand } from "../../package/program.ts";
import { checkOptions } from "../check_options.ts";
import { type CudaState, type GpuMap, gpuPairs, openProcessCheckpoint } from "./calls.ts";
import type { Answer, Call } from "./guard.ts";

/**
 * Hands the CUDA work of whole process trees over to the process checkpoint of NVIDIA's driver, and takes it back. When this
 * process dies, what it has handed over is taken back. After disposal it stays as it is: the tree was dumped, or is for others.
 */
export interface CudaProcesses extends Disposable {
  /**
   * Locks all processes that use CUDA, then checkpoints all: their GPU memory is in their own memory afterwards, their device
   * files are closed, and CRIU can dump them. When one fails, all run again. Resolves with their pids.
   * @throws {CudaError} when the driver refuses; CUDA_ERROR_NOT_READY when work did not end in time.
   * @throws {CudaStateError} when another program is at work on one, or one has failed before.
   */
  suspend(pids: readonly number[], options?: SuspendOptions): Promise<number[]>;
  /**
   * Restores all processes that are checkpointed, then unlocks all: after a restore by CRIU, after a dump that leaves them
   * running, and after one that failed. Those that run are left alone. Resolves with the pids of the others.
   * @param gpus where the GPUs have changed: each that was checkpointed, by UUID, and the one to take instead.
   * @throws {CudaError} of the first that failed; the others run. A process that failed stays as it is.
   * @throws {RangeError} for a map that is none.
   */
  resume(pids: readonly number[], gpus?: GpuMap): Promise<number[]>;
}

/** How a dump uses the process checkpoint of NVIDIA's driver. */
export interface CudaDumpOptions extends CudaOptions, SuspendOptions {}

/** How a restore uses it. */
export interface CudaRestoreOptions extends CudaOptions {
  /** Where the GPUs have changed: each that was checkpointed, by UUID, and the one to take instead. */
  readonly gpus?: GpuMap;
}

/** How processes are locked. */
export interface SuspendOptions {
  /** How long each may take to end its work on the GPU, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
}

/** A process cannot be checkpointed by NVIDIA's driver in the state in which it is. */
export class CudaStateError extends Error {
  /** @ignore */
  override readonly name = "CudaStateError";
  /** The process. */
  readonly pid: number;
  /** The state that it is in. */
  readonly state: CudaState;

  /** @ignore */
  constructor(pid: number, state: CudaState) {
    const cure =
      state === "failed"
        ? "An earlier checkpoint or restore failed, and what it had on the GPU is lost: restart it."
        : `Another program is at work on it. To undo that: cuda-checkpoint --toggle --pid ${pid}`;
    super(`Cannot checkpoint the CUDA work of process ${pid}: it is ${state}. ${cure}`);
    this.pid = pid;
    this.state = state;
  }
}

/**
 * Opens libcuda in this process and in one that waits for it. This process needs no GPU memory, but it needs the right to
 * the device files, and to trace the others. A tree that this process is in cannot be suspended by it.
 * @throws {CudaUnavailableError} without driver or GPU, or with a driver before CUDA 12.8 (driver 570).
 *
 * @example
 * ```ts
 * import { openCudaProcesses } from "criu-aware/driver";
 * using cuda = await openCudaProcesses();
 * const pids = await cuda.suspend([4711]);
 * await cuda.resume(pids);
 * ```
 */
export async function openCudaProcesses(options: CudaOptions = {}): Promise<CudaProcesses> {
  // Here, for what is wrong with the driver shows here as well as there, and a look at a state does not take long.
  const here = await openProcessCheckpoint(options);
  const guard = startGuard((await openLibc()).runtime, options, await import("node:readline"));
  const inState = (pids: readonly number[], state: CudaState): number[] =>
    pids.filter((pid) => here.state(pid) === state);

  const resume = async (pids: readonly number[], gpus: GpuMap): Promise<number[]> => {
    gpuPairs(gpus);
    const failures: unknown[] = [];
    const each = async (found: number[], step: (pid: number) => Promise<void>): Promise<number[]> => {
      for (const pid of found) await step(pid).catch((error: unknown) => failures.push(error));
      return found;
    };
    const restored = await each(inState(pids, "checkpointed"), (pid) => guard.call("restore", pid, gpus));
    const unlocked = await each(inState(pids, "locked"), (pid) => guard.call("unlock", pid));
    if (failures.length > 0) throw failures[0];
    return [...new Set([...restored, ...unlocked])];
  };

  return {
    async suspend(pids, options = {}) {
      checkOptions<CudaDumpOptions>(options, { library: "path", timeoutMs: "time" });
      const { timeoutMs = 10_000 } = options;
      const users = pids.filter((pid) => here.state(pid) !== "none");
      for (const pid of users) {
        const state = here.state(pid);
        if (state !== "running") throw new CudaStateError(pid, state);
      }
      try {
        // Ranks wait for each other: one that is gone while another one still computes would never let it end.
        for (const pid of users) await guard.call("lock", pid, timeoutMs);
        for (const pid of users) await guard.call("checkpoint", pid);
      } catch (error) {
        // The first failure is what there is to say: one that follows from it would hide it.
        await resume(users, {}).catch(() => {});
        throw error;
      }
      return users;
    },
    resume: (pids, gpus = {}) => resume(pids, gpus),
    [Symbol.dispose]: () => guard.end(),
  };
}

/** The same for an option of a dump or restore; undefined when it was not given. */
export function openCudaIfAsked(asked: boolean | CudaOptions | undefined): Promise<CudaProcesses> | undefined {
  return asked ? openCudaProcesses(asked === true ? {} : asked) : undefined;
}

/** Calls that NVIDIA's driver takes its time for. */
interface Guard {
  call(name: Call["name"], ...args: readonly unknown[]): Promise<void>;
  /** Ends it. What is locked now stays that. */
  end(): void;
}

function startGuard(
  runtime: Runtime,
  options: CudaOptions,
  { createInterface }: typeof import("node:readline"),
): Guard {
  const [program, ...args] = programCommand(runtime.name, ownModule("./guard", import.meta.url)) as [string];
  const guard = spawn(program, [...args, JSON.stringify(options)], {
    // A session of its own: a signal to the group of this process must not end it as well.
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = new Map<number, (failed: Answer["failed"]) => void>();
  let calls = 0;
  const settle = (id: number, failed: Answer["failed"]): void => {
    waiting.get(id)?.(failed);
    waiting.delete(id);
  };
  const died = (): void => {
    for (const id of [...waiting.keys()]) settle(id, "The process that calls NVIDIA's driver has died.");
  };
  createInterface({ input: guard.stdout }).on("line", (line) => {
    const { id, failed } = JSON.parse(line) as Answer;
    settle(id, failed);
  });
  guard.on("error", died).on("exit", died);
  guard.stdin.on("error", died);
  const send = (name: Call["name"], args: readonly unknown[]): number => {
    const id = ++calls;
    guard.stdin.write(`${JSON.stringify({ id, name, args } satisfies Call)}\n`);
    return id;
  };
  return {
    async call(name, ...args): Promise<void> {
      const failed = await new Promise<Answer["failed"]>((resolve) => {
        waiting.set(send(name, args), resolve);
        if (guard.exitCode !== null) died();
      });
      if (failed === undefined) return;
      throw typeof failed === "string" ? new Error(failed) : new CudaError(failed.call, failed.result, failed.code);
    },
    end() {
      send("forget", []);
      guard.stdin.end();
    },
  };
}
