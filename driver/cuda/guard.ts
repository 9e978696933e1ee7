/**
 * The process that calls NVIDIA's driver for cuda.ts, by lines of JSON on its standard input and output. Apart from the driver's
 * half for two reasons: a checkpoint takes seconds in which the leases of held apps are renewed, and when the driver's half dies
 * nobody else would let the apps go on: in CUDA they would wait for ever. At the end of its input it takes back what it locked.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import type { CudaOptions } from "../../ffi/libcuda.ts";
import { CudaError } from "../../ffi/libcuda_errors.ts";
import { aliveSince, startTime } from "../../ffi/process.ts";
import { openProcessCheckpoint, type ProcessCheckpoint } from "./calls.ts";

/** A function of ProcessCheckpoint and its parameters; or `forget`: what was locked is in other hands. */
export interface Call {
  readonly id: number;
  readonly name: keyof ProcessCheckpoint | "forget";
  readonly args: readonly unknown[];
}

/** How it ended. The classes of errors do not travel: what makes a CudaError does. */
export interface Answer {
  readonly id: number;
  readonly failed?: Pick<CudaError, "call" | "result" | "code"> | string;
}

/** Takes back what is still locked or checkpointed of these processes, if they are still the same. */
export function takeBack(checkpoint: ProcessCheckpoint, locked: ReadonlyMap<number, string>): void {
  const pids = [...locked].filter(([pid, started]) => aliveSince(pid) === started).map(([pid]) => pid);
  const attempt = (pid: number, state: string, step: () => void): void => {
    try {
      if (checkpoint.state(pid) === state) step();
    } catch {
      // It has ended, or cannot be helped; the others can.
    }
  };
  for (const pid of pids) attempt(pid, "checkpointed", () => checkpoint.restore(pid, {}));
  for (const pid of pids) attempt(pid, "locked", () => checkpoint.unlock(pid));
}

/** "" when there is no such process: the driver then says so itself. */
function startOf(pid: number): string {
  try {
    return startTime(pid);
  } catch {
    return "";
  }
}

async function main(options: CudaOptions): Promise<void> {
  const checkpoint = await openProcessCheckpoint(options);
  const locked = new Map<number, string>();
  const run = ({ name, args }: Call): Omit<Answer, "id"> => {
    try {
      if (name === "forget") locked.clear();
      else {
        // Before the call: the driver's half may die while it is under way.
        if (name === "lock") locked.set(args[0] as number, startOf(args[0] as number));
        (checkpoint[name] as (...args: readonly unknown[]) => unknown)(...args);
      }
      return {};
    } catch (error) {
      if (!(error instanceof CudaError)) return { failed: (error as Error).message };
      const { call, result, code } = error;
      return { failed: { call, result, code } };
    }
  };
  // Ctrl-C in a terminal is for the driver's half; this one ends after it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  // Nobody listens any more: that must not end this process before its work is done.
  process.stdout.on("error", () => {});
  for await (const line of createInterface({ input: process.stdin })) {
    const call = JSON.parse(line) as Call;
    process.stdout.write(`${JSON.stringify({ id: call.id, ...run(call) } satisfies Answer)}\n`);
  }
  takeBack(checkpoint, locked);
  process.exit(0);
}

if (import.meta.main) await main(JSON.parse(process.argv[2] as string));
