import { writeFileSync } from "node:fs";
import { UsageError } from "../criu/usage_error.ts";
import { ownPlace, readOwnFile, replaceFile } from "../ffi/own_file.ts";
import { printable } from "../ffi/printable.ts";
import type { DumpStats, RestoreStats } from "../images/types.ts";
import type { Round } from "../lifecycle/types.ts";
import type { Phase } from "./engine.ts";

/** A slice of time in one lane. */
export interface TraceEvent {
  /** Whose time it is: the driver's, CRIU's, or that of the app with this pid. */
  readonly lane: "driver" | "CRIU" | number;
  /** What happened at the same time in one lane and does not nest lies in rows. @default "main" */
  readonly row?: string;
  /** What was done. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** How long it took. */
  readonly durationMs: number;
  /** Shown when the slice is selected. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** What the time until the next phase goes into; `dumped` and `rebuilt` are ends. */
const driverSlices: Readonly<Partial<Record<Phase["name"], string>>> = {
  "waiting for the point": "waiting for the point",
  notice: "apps prepare",
  ready: "CRIU dumps",
  frozen: "CRIU finishes",
  restoring: "CRIU restores",
  "waiting for the pid": "waiting for the pid",
  restored: "apps recover",
};

/** The driver's lane: the phases that `onPhase` told, each until the next. */
export function tracePhases(phases: readonly Phase[]): TraceEvent[] {
  return phases.slice(0, -1).flatMap((phase, i) => {
    const name = driverSlices[phase.name];
    const durationMs = (phases[i + 1] as Phase).at - phase.at;
    return name ? [{ lane: "driver", name, at: phase.at, durationMs }] : [];
  });
}

const ESTIMATED = "CRIU tells durations only: where they lie is estimated";

/**
 * CRIU's lane of a dump. Its statistics are durations: the freeze is set right after the phase `ready`, and the copying of the
 * memory at the beginning of the time that the tree is frozen.
 */
export function traceDump(phases: readonly Phase[], stats: DumpStats): TraceEvent[] {
  const ready = timeOf(phases, "ready");
  if (ready === undefined) return [];
  const frozen = ready + stats.freezingMs;
  const details = { note: ESTIMATED, "pages scanned": stats.pagesScanned, "pages written": stats.pagesWritten };
  const written = frozen + stats.memdumpMs;
  return [
    { lane: "CRIU", name: "freezing", at: ready, durationMs: stats.freezingMs, details },
    { lane: "CRIU", name: "frozen", at: frozen, durationMs: stats.frozenMs, details },
    { lane: "CRIU", row: "memory", name: "memory dump", at: frozen, durationMs: stats.memdumpMs, details },
    {
      lane: "CRIU",
      row: "memory",
      name: "memory write",
      at: Math.max(frozen, written - stats.memwriteMs),
      durationMs: Math.min(stats.memwriteMs, stats.memdumpMs),
      details,
    },
  ];
}

/** CRIU's lane of a restore, which is set so that it ends with the phase `restored`. */
export function traceRestore(phases: readonly Phase[], stats: RestoreStats): TraceEvent[] {
  const end = timeOf(phases, "restored");
  if (end === undefined) return [];
  const at = end - stats.restoreMs;
  const details = { note: ESTIMATED, "pages restored": stats.pagesRestored };
  return [
    { lane: "CRIU", name: "restore", at, durationMs: stats.restoreMs, details },
    ...(stats.forkingMs > 0
      ? [
          {
            lane: "CRIU" as const,
            name: "forking",
            at,
            durationMs: Math.min(stats.forkingMs, stats.restoreMs),
            details,
          },
        ]
      : []),
  ];
}

/** The lane of an app: what happened to one notice, as the app itself tells. */
export function traceRound(pid: number, round: Round): TraceEvent[] {
  const { sentAt, noticedAt, readyAt, releasedAt, recoveredAt, outcome, id } = round;
  const details = { notice: id, ...(outcome ? { outcome } : {}) };
  const slice = (name: string, from: number | undefined, to: number | undefined): TraceEvent[] =>
    from === undefined || to === undefined ? [] : [{ lane: pid, name, at: from, durationMs: to - from, details }];
  return [
    ...slice("notice on its way", sentAt, noticedAt),
    ...slice("prepares", noticedAt, readyAt),
    ...slice("held", readyAt, releasedAt),
    ...slice("recovers", releasedAt ?? readyAt ?? noticedAt, recoveredAt),
  ];
}

/**
 * Writes events in Chrome's Trace Event Format, which https://ui.perfetto.dev opens: a lane for the driver, one for CRIU, one for
 * each app. When the file is a trace already, they are added: a restore comes into the file of its dump.
 *
 * @throws {UsageError} when the file exists and is no trace, when it is somebody else's or somebody else could replace it, and when it
 * cannot be written.
 * @example
 * ```ts
 * import { command, type Phase, traceDump, tracePhases, writeTrace } from "criu-aware/driver";
 * import { readImages } from "criu-aware/images";
 * const phases: Phase[] = [];
 * await command().dump({ pid: 1234, imagesDir: "/var/tmp/images", onPhase: (phase) => phases.push(phase) });
 * const { dump } = readImages("/var/tmp/images");
 * writeTrace("dump.trace.json", [...tracePhases(phases), ...(dump ? traceDump(phases, dump) : [])]);
 * ```
 */
export function writeTrace(file: string, events: readonly TraceEvent[]): void {
  try {
    const path = ownPlace(file);
    const before = readTrace(file, readOwnFile(path));
    const known = new Set(before.map((event) => JSON.stringify(event)));
    const added = [...names(events), ...events.map(toChrome)].filter((event) => !known.has(JSON.stringify(event)));
    const text = JSON.stringify({ traceEvents: [...before, ...added], displayTimeUnit: "ms" });
    replaceFile(path, (temporary) => writeFileSync(temporary, text));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const why = printable((error as Error).message);
    throw new UsageError(`Cannot write the trace ${printable(file)}: ${why}. Name a new file in a directory of yours.`);
  }
}

// Above the largest pid that Linux can have, 2^22: no app has them.
const lanes = { driver: 2 ** 22 + 1, CRIU: 2 ** 22 + 2 } as const;
const rows = new Map([
  ["main", 1],
  ["memory", 2],
]);

/** Where an event lies, in the words of the format. */
function place({ lane, row = "main" }: TraceEvent): { readonly pid: number; readonly tid: number } {
  return { pid: typeof lane === "number" ? lane : lanes[lane], tid: rows.get(row) ?? 3 };
}

/** Times in this format are microseconds. */
function toChrome(event: TraceEvent): object {
  const { name, at, durationMs, details = {} } = event;
  const [ts, dur] = [Math.round(at * 1000), Math.max(0, Math.round(durationMs * 1000))];
  return { name, cat: "checkpoint", ph: "X", ts, dur, ...place(event), args: details };
}

/** What the lanes and rows of the events are called. */
function names(events: readonly TraceEvent[]): object[] {
  const all = events.flatMap((event) => {
    const { lane, row = "main" } = event;
    const { pid, tid } = place(event);
    return [
      { name: "process_name", ph: "M", pid, args: { name: typeof lane === "number" ? `app ${lane}` : lane } },
      { name: "thread_name", ph: "M", pid, tid, args: { name: row } },
    ];
  });
  return [...new Map(all.map((event) => [JSON.stringify(event), event])).values()];
}

function readTrace(file: string, text: string | undefined): object[] {
  if (text === undefined) return [];
  try {
    const { traceEvents } = JSON.parse(text);
    if (Array.isArray(traceEvents)) return traceEvents;
  } catch {}
  throw new UsageError(`Cannot add to ${printable(file)}: it is no trace. Name a new file.`);
}

function timeOf(phases: readonly Phase[], name: Phase["name"]): number | undefined {
  return phases.find((phase) => phase.name === name)?.at;
}
