/**
 * criu-aware: the way for a Bun or Deno program to take part in its own checkpoint by CRIU.
 *
 * In Deno it needs `--allow-ffi`, and what the strategies need.
 *
 * @module
 */
export { type Agent, type AttachOptions, attach, type PointOptions } from "./attach.ts";
export { SystemCallError } from "./ffi/system_call_error.ts";
export { UnsupportedPlatformError } from "./ffi/unsupported_platform.ts";
export { CheckpointRefusedError, HookTimeoutError, RecoveryError, ResourceError } from "./lifecycle/errors.ts";
export type { Caller, Release } from "./lifecycle/ports.ts";
export type {
  Change,
  CheckpointContext,
  Dns,
  HoldContext,
  Launch,
  LaunchChanges,
  LaunchOptions,
  Notice,
  Outcome,
  Reply,
  Resource,
  RestoreContext,
  State,
  Tier,
} from "./lifecycle/types.ts";
export type { Strategy } from "./strategies/strategy.ts";
