/** Traces in Chrome's Trace Event Format. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UsageError } from "../../../criu/usage_error.ts";
import type { Phase } from "../../../driver/engine.ts";
import {
  type TraceEvent,
  traceDump,
  tracePhases,
  traceRestore,
  traceRound,
  writeTrace,
} from "../../../driver/trace.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const start = 1_700_000_000_000;
const phases: Phase[] = [
  { name: "notice", at: start },
  { name: "ready", at: start + 5 },
  { name: "frozen", at: start + 30 },
  { name: "dumped", at: start + 40 },
];
const dumpStats = {
  ...{ freezingMs: 0.5, frozenMs: 20, memdumpMs: 8, memwriteMs: 6, pagesScanned: 10, pagesSkippedParent: 0 },
  ...{ pagesWritten: 9, pagesLazy: 0, sharedPagesScanned: 0, sharedPagesWritten: 0 },
};
const restorePhases: Phase[] = [
  { name: "restoring", at: start + 1000 },
  { name: "restored", at: start + 1050 },
  { name: "rebuilt", at: start + 1060 },
];
const restoreStats = { forkingMs: 4, restoreMs: 30, pagesCompared: 0, pagesSkippedCow: 0, pagesRestored: 9 };
const round = {
  ...{ id: "notice-1", sentAt: start, noticedAt: start + 1, readyAt: start + 4, outcome: "restored" as const },
  ...{ releasedAt: start + 1052, recoveredAt: start + 1058 },
};

/** Events without what is the same for all: times from the start. */
function short(events: readonly TraceEvent[]): unknown[] {
  return events.map(({ lane, name, at, durationMs }) => [lane, name, at - start, durationMs]);
}

function parse(
  file: string,
): { name: string; ph: string; ts: number; dur: number; pid: number; tid: number; args: { name?: string } }[] {
  return JSON.parse(readFileSync(file, "utf8")).traceEvents;
}

test("the driver's phases become slices, each until the next", () => {
  assert.deepEqual(short(tracePhases(phases)), [
    ["driver", "apps prepare", 0, 5],
    ["driver", "CRIU dumps", 5, 25],
    ["driver", "CRIU finishes", 30, 10],
  ]);
  assert.deepEqual(short(tracePhases([...phases, ...restorePhases]).slice(3)), [
    ["driver", "CRIU restores", 1000, 50],
    ["driver", "apps recover", 1050, 10],
  ]);
});

test("CRIU's durations lie behind ready, and the memory within the time that the tree is frozen", () => {
  assert.deepEqual(short(traceDump(phases, dumpStats)), [
    ["CRIU", "freezing", 5, 0.5],
    ["CRIU", "frozen", 5.5, 20],
    ["CRIU", "memory dump", 5.5, 8],
    ["CRIU", "memory write", 7.5, 6],
  ]);
  assert.deepEqual(short(traceRestore(restorePhases, restoreStats)), [
    ["CRIU", "restore", 1020, 30],
    ["CRIU", "forking", 1020, 4],
  ]);
  assert.deepEqual(traceDump([], dumpStats), []);
});

test("an app's round becomes slices, as far as it went", () => {
  assert.deepEqual(short(traceRound(77, round)), [
    [77, "notice on its way", 0, 1],
    [77, "prepares", 1, 3],
    [77, "held", 4, 1048],
    [77, "recovers", 1052, 6],
  ]);
  const refused = { id: "notice-2", sentAt: undefined, noticedAt: start + 1, recoveredAt: start + 9 };
  assert.deepEqual(short(traceRound(77, refused)), [[77, "recovers", 1, 8]]);
});

test("writeTrace() writes a lane for the driver, for CRIU and for each app, times in microseconds", () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "trace.json");
  writeTrace(file, [...tracePhases(phases), ...traceDump(phases, dumpStats), ...traceRound(77, round)]);
  const events = parse(file);
  const lanes = events.filter(({ name }) => name === "process_name");
  assert.deepEqual(
    lanes.map(({ args }) => args.name),
    ["driver", "CRIU", "app 77"],
  );
  const laneOf = (name: string): string | undefined =>
    lanes.find(({ pid }) => pid === events.find((event) => event.name === name)?.pid)?.args.name;
  assert.deepEqual(["apps prepare", "frozen", "held"].map(laneOf), ["driver", "CRIU", "app 77"]);
  const frozen = events.find(({ name }) => name === "frozen");
  assert.deepEqual([frozen?.ph, frozen?.ts, frozen?.dur], ["X", (start + 5) * 1000 + 500, 20_000]);
  for (const { ph, ts, dur, pid, tid } of events.filter(({ ph }) => ph === "X")) {
    assert.ok([ts, dur, pid, tid].every(Number.isSafeInteger) && dur >= 0 && pid > 0, ph);
  }
});

test("slices of one row nest or follow one another: Perfetto draws nothing else", () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "trace.json");
  const criu = [...traceDump(phases, dumpStats), ...traceRestore(restorePhases, restoreStats)];
  writeTrace(file, [...tracePhases([...phases, ...restorePhases]), ...criu, ...traceRound(77, round)]);
  const slices = parse(file).filter(({ ph }) => ph === "X");
  for (const a of slices) {
    for (const b of slices.filter((b) => b !== a && b.pid === a.pid && b.tid === a.tid)) {
      const crosses = a.ts < b.ts && b.ts < a.ts + a.dur && a.ts + a.dur < b.ts + b.dur;
      assert.ok(!crosses, `${a.name} and ${b.name}`);
    }
  }
});

test("a restore is added to the trace of its dump, and nothing is there twice", () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "trace.json");
  const dump = [...tracePhases(phases), ...traceRound(77, round)];
  writeTrace(file, dump);
  writeTrace(file, [...tracePhases(restorePhases), ...traceRound(77, round)]);
  const names = parse(file).map(({ name }) => name);
  assert.ok(names.includes("CRIU dumps") && names.includes("CRIU restores"));
  const all = parse(file).map((event) => JSON.stringify(event));
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(readdirSync(directory.path), ["trace.json"]);
});

test("writeTrace() does not overwrite what is no trace", () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "notes.txt");
  writeFileSync(file, "my notes");
  assert.throws(() => writeTrace(file, tracePhases(phases)), UsageError);
  assert.equal(readFileSync(file, "utf8"), "my notes");
  assert.throws(() => writeTrace(join(directory.path, "no/such/folder.json"), []), UsageError);
});
