/** What the table of faults is made of. */
import type { DumpOptions, RestoreOptions } from "criu-aware/driver";
import type { StrategyName } from "../../strategies/names.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import type { AppOptions } from "./app_options.ts";
import type { DriverOptions } from "./driver_options.ts";
import type { Scene } from "./scene.ts";

/** The moments of a checkpoint at which a fault can be put. */
export const phases = ["before", "preparing", "held", "frozen", "restoring", "recovering"] as const;
export const engineNames = ["rpc", "command", "simulate"] as const;

export type PhaseName = (typeof phases)[number];
export type EngineName = (typeof engineNames)[number];

/** One run: an app, a driver, and a fault that is put in a phase. */
export interface Cell {
  readonly fault: Fault;
  readonly phase: PhaseName;
  readonly engine: EngineName;
  readonly strategy: StrategyName;
  readonly runtime: RuntimeName;
}

/** What must come of it. Without any word: the dump and the restore are done, and the app goes on. */
export interface Expected {
  /** What the dump is refused with, or fails with: the cause, and what to do. */
  readonly refused?: RegExp;
  /** It may be done all the same: both sides move at that moment. */
  readonly mayBeDone?: boolean;
  /** Nothing can be removed there: what was written stays, and is taken for no dump. */
  readonly leaves?: boolean;
  /** What the restore fails with. It is done when the fault is gone. */
  readonly unrestored?: RegExp;
  /** What the restore says of the app, which runs. */
  readonly failures?: RegExp;
  /** The driver ends by itself before it can say anything. */
  readonly dies?: boolean;
  /** The fault ends the app. */
  readonly ends?: boolean;
  /** Why the app cannot be dumped again when the fault is gone. */
  readonly forGood?: string;
}

/** What is expected, or why there is no such cell. */
export type Answer = Expected | string;

/** One row of the table. */
export interface Fault {
  readonly name: string;
  /** Asked for each phase; a text says why the fault cannot be put there. */
  readonly phases: Readonly<Record<PhaseName, Answer | ((cell: Cell) => Answer)>>;
  /** Why it cannot meet some of them. */
  readonly without?: Partial<Readonly<Record<EngineName | StrategyName | RuntimeName, string>>>;
  /** Why it cannot be put on this machine. */
  readonly impossible?: string | false;
  /** Before the app is started. */
  readonly prepare?: (scene: Scene) => void;
  /** What the app is told. */
  readonly app?: (cell: Cell) => Partial<AppOptions>;
  readonly dump?: Partial<DumpOptions>;
  readonly restore?: Partial<RestoreOptions>;
  /** The driver is a process of its own, that does this. */
  readonly driver?: (cell: Cell, scene: Scene) => DriverOptions;
  /** At which moment of a restore `put` is called. @default before it */
  readonly restoringAt?: "post-restore";
  /** Without it the app or the driver does it by itself. */
  readonly put?: (scene: Scene) => Promise<void> | void;
  /** Takes the fault away again. */
  readonly lift?: (scene: Scene) => Promise<void> | void;
  /** What the app holds for good, and did not before. */
  readonly mayHold?: RegExp;
  /** What has to hold beside what each cell is checked for. */
  readonly check?: (scene: Scene) => Promise<void> | void;
}

/** What a fault expects of a cell. */
export function answerOf(cell: Cell): Answer {
  const { fault, phase, engine, strategy, runtime } = cell;
  const without = [engine, strategy, runtime].map((name) => fault.without?.[name]).find((reason) => reason);
  if (fault.impossible) return fault.impossible;
  if (without) return without;
  if (engine === "simulate" && (phase === "frozen" || phase === "restoring")) return "nothing is frozen or restored";
  const answer = fault.phases[phase];
  return typeof answer === "function" ? answer(cell) : answer;
}

export const nameOf = ({ fault, phase, engine, strategy, runtime }: Cell): string =>
  `${fault.name}, ${phase}: ${runtime} by ${strategy}, ${engine}`;
