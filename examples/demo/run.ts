import { join } from "node:path";
import type { Engine, RecoveredProcess, StrategyName } from "criu-aware/driver";
import { type DeviceName, type RuntimeName, Trainer } from "./trainer.ts";

/** One checkpoint of one trainer. Durations in milliseconds. */
export interface Run {
  readonly runtime: RuntimeName;
  readonly device: DeviceName;
  /** The how manieth checkpoint of this trainer it is, from 1. */
  readonly round: number;
  /** How the notice travelled; `none` where the trainer itself played the checkpoint. */
  readonly strategy: StrategyName | "none";
  readonly outcome: string;
  /** The state after the last step is, bit for bit, that of a run that nobody interrupted. */
  readonly exact: boolean;
  readonly noticeToReadyMs: number;
  readonly dumpMs: number;
  readonly restoreMs: number;
  readonly restoreToRebuiltMs: number;
}

/** A run, and what happened in it. */
export interface Shown {
  readonly run: Run;
  readonly moments: readonly Moment[];
}

/** Something that happened, and who did it. */
export interface Moment {
  readonly at: number;
  readonly who: "driver" | "app";
  readonly what: string;
}

export const STEPS = 200;
/** The step in the middle, where the checkpoint comes. */
export const STOP_AT = 100;
/** The steps where they come to a trainer that has its state on a real device: every checkpoint takes that away. */
const STOPS: Readonly<Record<DeviceName, readonly number[]>> = { host: [STOP_AT], webgpu: [50, 100, 150] };
const REST_MS = 3;
const AWAY_MS = 500;

/** The digest of a run that nobody interrupts. */
export async function runUninterrupted(runtime: RuntimeName, device: DeviceName): Promise<string> {
  using trainer = new Trainer(runtime, { device, steps: STEPS });
  return await trainer.digest();
}

/** Dumps a trainer in the middle of its work, waits, restores it, and compares what it ends with. */
export async function runOnce(
  engine: Engine,
  runtime: RuntimeName,
  device: DeviceName,
  strategy: StrategyName,
  expected: string,
): Promise<Shown[]> {
  using trainer = new Trainer(runtime, { device, strategy, steps: STEPS, restMs: REST_MS });
  const rounds: Shown[] = [];
  for (const [i, step] of STOPS[device].entries()) {
    await trainer.until(new RegExp(`^step ${step}, digest`, "m"));
    rounds.push(await takeAway(engine, trainer, { runtime, device, round: i + 1, strategy }));
  }
  const exact = (await trainer.digest()) === expected;
  return rounds.map(({ run, moments }) => ({ run: { ...run, exact }, moments }));
}

/** One dump and one restore. Whether the result is exact is known at the trainer's end only. */
async function takeAway(
  engine: Engine,
  trainer: Trainer,
  which: Pick<Run, "runtime" | "device" | "round"> & { readonly strategy: StrategyName },
): Promise<Shown> {
  const moments: Moment[] = [];
  const onPhase = ({ name, at }: { name: string; at: number }): void =>
    void moments.push({ at, who: "driver", what: name });
  const imagesDir = join(trainer.directory, `images-${which.round}`);
  const dumped = await engine.dump({ pid: trainer.pid, imagesDir, strategy: which.strategy, onPhase });
  if (engine.kind !== "simulate") await trainer.ended();
  await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
  const restored = await engine.restore({ imagesDir, onPhase });

  const { outcome = "unknown", round } = restored.processes[0] ?? {};
  moments.push(...appMoments(round));
  const run = {
    ...which,
    outcome,
    exact: false,
    noticeToReadyMs: dumped.noticeToReadyMs,
    dumpMs: dumped.dumpMs,
    restoreMs: restored.restoreMs,
    restoreToRebuiltMs: (round?.recoveredAt ?? Number.NaN) - (round?.releasedAt ?? Number.NaN),
  };
  return { run, moments: moments.sort((a, b) => a.at - b.at) };
}

/** What the app did, as it says itself. */
export function appMoments(round: RecoveredProcess["round"]): Moment[] {
  const said = [
    ["the notice arrives", round?.noticedAt],
    ["model saved and released, held", round?.readyAt],
    [`knows: ${round?.outcome}`, round?.releasedAt],
    ["model rebuilt, training goes on", round?.recoveredAt],
  ] as const;
  return said.flatMap(([what, at]) => (at === undefined ? [] : { at, who: "app", what }));
}
