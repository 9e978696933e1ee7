/**
 * The driver's side: engines that dump and restore process trees whose apps know about it.
 *
 * In Deno it needs `--allow-all`: it runs CRIU, and Deno opens /proc to nobody else.
 *
 * @module
 */

export { CriuError, type Explanation } from "../criu/errors.ts";
export { locateCriu } from "../criu/locate.ts";
export { type CriuOption, type CriuOptions, flagOf, parseArguments, toArguments } from "../criu/options.ts";
export { type TrialResult, tryCriu } from "../criu/trial.ts";
export { UsageError } from "../criu/usage_error.ts";
export type { LaunchOptions } from "../lifecycle/types.ts";
export { PageError } from "../page/errors.ts";
export { type StrategyName, strategyNames } from "../strategies/names.ts";
export { type CheckpointOptions, type CheckpointResult, checkpoint } from "./checkpoint.ts";
export type { CudaState, GpuMap } from "./cuda/calls.ts";
export {
  type CudaDumpOptions,
  type CudaProcesses,
  type CudaRestoreOptions,
  CudaStateError,
  openCudaProcesses,
  type SuspendOptions,
} from "./cuda/processes.ts";
export {
  type DumpOptions,
  DumpRefusedError,
  type DumpResult,
  type Engine,
  type OnHook,
  type Phase,
  type RecoveredProcess,
  type RestoreOptions,
  type RestoreResult,
} from "./engine.ts";
export { type CriuEngineOptions, command, rpc } from "./engines.ts";
export { explain } from "./failures/explain.ts";
export { UnfitImagesError } from "./fit.ts";
export type { NoticeOptions, Refusal } from "./participants.ts";
export type { Standstill } from "./paused.ts";
export type { CriuFeatures, CriuQueries, CriuVersion } from "./queries.ts";
export { describeFailure } from "./rebuilt.ts";
export { simulate } from "./simulate.ts";
export { type AttachedProcess, listAttached } from "./status.ts";
export { type TraceEvent, traceDump, tracePhases, traceRestore, traceRound, writeTrace } from "./trace.ts";
