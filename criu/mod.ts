/**
 * The driver's side: engines that dump and restore process trees whose apps know about it.
 *
 * @module
 */

export { PageError } from "../page/errors.ts";
export { type StrategyName, strategyNames } from "../strategies/notify.ts";
export { type CheckpointOptions, checkpoint } from "./checkpoint.ts";
export { type CriuEngineOptions, command } from "./command.ts";
export {
  type CudaDumpOptions,
  type CudaProcesses,
  type CudaRestoreOptions,
  CudaStateError,
  openCudaProcesses,
  type SuspendOptions,
} from "./cuda.ts";
export type { CudaState, GpuMap } from "./cuda_calls.ts";
export {
  type DumpOptions,
  DumpRefusedError,
  type DumpResult,
  type Engine,
  type OnHook,
  type Phase,
  type RestoredProcess,
  type RestoreOptions,
  type RestoreResult,
} from "./engine.ts";
export { CriuError, UsageError } from "./errors.ts";
export { type Explanation, explain } from "./failures.ts";
export * from "./images/mod.ts";
export { locateCriu } from "./locate.ts";
export { type CriuOption, type CriuOptions, flagOf, parseArguments, toArguments } from "./options.ts";
export type { NoticeOptions, Refusal } from "./participants.ts";
export { UnfitImagesError } from "./record.ts";
export type { CriuFeatures, CriuQueries, CriuVersion } from "./rpc/queries.ts";
export { rpc } from "./rpc/rpc.ts";
export { simulate } from "./simulate.ts";
export { type AttachedProcess, listAttached } from "./status.ts";
export { type TraceEvent, traceDump, tracePhases, traceRestore, traceRound, writeTrace } from "./trace.ts";
export { type TrialResult, tryCriu } from "./trial.ts";
