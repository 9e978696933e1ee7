import type { Phase } from "../driver/engine.ts";
import { type TraceEvent, traceDump, tracePhases, traceRestore, traceRound, writeTrace } from "../driver/trace.ts";
import { readDumpStats } from "../images/stats.ts";
import type { RestoreStats } from "../images/types.ts";
import type { Round } from "../lifecycle/types.ts";

/** Collects what happens, for --trace. */
export interface Tracer {
  /** To be told what the engine tells. */
  readonly onPhase: (phase: Phase) => void;
  /** Writes the file. `rounds` are what the apps say. */
  write(
    imagesDir: string,
    rounds?: readonly { readonly pid: number; readonly round: Round | undefined }[],
    restore?: RestoreStats,
  ): void;
}

/**
 * Opens a trace, which passes the phases on.
 * @throws {UsageError} when the file cannot be written, or is no trace: before anything is done.
 */
export function openTrace(file: string, onPhase: (phase: Phase) => void): Tracer {
  const phases: Phase[] = [];
  writeTrace(file, []);
  return {
    onPhase(phase) {
      phases.push(phase);
      onPhase(phase);
    },
    write(imagesDir, rounds = [], restore) {
      const apps = rounds.flatMap(({ pid, round }) => (round ? traceRound(pid, round) : []));
      writeTrace(file, [...tracePhases(phases), ...criusOwn(imagesDir, phases, restore), ...apps]);
    },
  };
}

/** CRIU's lane: of the dump or the restore that these phases tell of. */
function criusOwn(imagesDir: string, phases: readonly Phase[], restore?: RestoreStats): TraceEvent[] {
  if (phases.some(({ name }) => name === "restored")) return restore ? traceRestore(phases, restore) : [];
  const dump = readDumpStats(imagesDir);
  return dump ? traceDump(phases, dump) : [];
}
