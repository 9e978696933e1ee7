/** Which cells there are, and which of them are run. */
import { strategyNames } from "../../strategies/names.ts";
import { runtimes } from "../support/runtimes.ts";
import { answerOf, type Cell, engineNames, type Fault, phases } from "./kinds.ts";

/** All cells that a fault can meet. */
export function possibleCells(fault: Fault): Cell[] {
  const cells: Cell[] = [];
  for (const phase of phases)
    for (const engine of engineNames)
      for (const strategy of strategyNames)
        for (const runtime of runtimes) {
          const cell = { fault, phase, engine, strategy, runtime };
          if (typeof answerOf(cell) !== "string") cells.push(cell);
        }
  return cells;
}

/**
 * As few of them as meet each phase by CRIU and by the simulation, and each engine, strategy and runtime. `turn` turns the order in
 * which they are looked at, so that not all faults meet the same.
 */
export function fewCells(fault: Fault, turn: number): Cell[] {
  const all = possibleCells(fault);
  const start = (turn * 7) % Math.max(1, all.length);
  const turned = [...all.slice(start), ...all.slice(0, start)];
  const needs = ({ phase, engine, strategy, runtime }: Cell): string[] => [
    `${phase} ${engine === "simulate" ? engine : "criu"}`,
    engine,
    strategy,
    runtime,
  ];
  const open = new Set(all.flatMap(needs));
  const chosen: Cell[] = [];
  while (open.size > 0) {
    const gain = (cell: Cell): number => needs(cell).filter((need) => open.has(need)).length;
    const best = turned.reduce((one, other) => (gain(other) > gain(one) ? other : one));
    for (const need of needs(best)) open.delete(need);
    chosen.push(best);
  }
  return chosen;
}
