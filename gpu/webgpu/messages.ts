import type { DeviceErrorCode } from "../device/device_error.ts";
import type { DType } from "../state/dtype.ts";
import type { Needs } from "./needs.ts";

/** Bytes of this process, which both threads can reach: nothing is copied between them. */
export interface Span {
  readonly address: bigint;
  readonly bytes: number;
}

/** What the main thread asks of the worker; buffers go by number. */
export type Request =
  | { readonly op: "thread" }
  | { readonly op: "open"; readonly needs: Needs; readonly program: string }
  | { readonly op: "allocate"; readonly buffer: number; readonly dtype: DType; readonly shape: readonly number[] }
  | { readonly op: "upload" | "download"; readonly buffer: number; readonly span: Span }
  | { readonly op: "release"; readonly buffer: number }
  | { readonly op: "fence" }
  | { readonly op: "bind"; readonly buffers: ReadonlyMap<string, number> }
  | { readonly op: "call"; readonly name: string; readonly args: readonly unknown[] }
  | { readonly op: "close" };

/** Its answer; or, without an id, that the device was lost. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id?: number; readonly error: Failure };

/** An error on its way between threads. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly code?: DeviceErrorCode | undefined;
}
