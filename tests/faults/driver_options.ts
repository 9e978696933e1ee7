import type { EngineName } from "./kinds.ts";

/** What a driver of its own process does. */
export interface DriverOptions {
  readonly engine: EngineName;
  readonly pid: number;
  readonly imagesDir: string;
  readonly strategy: string;
  readonly timeoutMs?: number;
  /** It kills itself there: at a hook of CRIU's, or at a phase. */
  readonly diesAt?: string;
  /** It may have no more descriptors than it has. */
  readonly isLimited?: boolean;
}
