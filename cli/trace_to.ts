import type { Phase } from "../driver/engine.ts";
import type { Tracer } from "./trace.ts";

/** The trace that --trace asks for: its code is loaded only then. */
export async function traceTo(file: string | undefined, onPhase: (phase: Phase) => void): Promise<Tracer | undefined> {
  return file === undefined ? undefined : (await import("./trace.ts")).openTrace(file, onPhase);
}
