/** The table of faults, for people. */

import { strategyNames } from "../../strategies/names.ts";
import { runtimes } from "../support/runtimes.ts";
import { answerOf, type Cell, engineNames, type Fault, phases } from "./kinds.ts";

export type Colour = "green" | "red";

const engineLetters = { rpc: "R", command: "C", simulate: "S" } as const;

/** Rows are faults, columns phases and engines: how many cells are green, which are red; `–` for none that could be, `·` for none that was run. */
export function drawTable(faults: readonly Fault[], results: ReadonlyMap<Cell, Colour>): string {
  const width = Math.max(...faults.map(({ name }) => name.length)) + 2;
  const columns = phases.flatMap((phase) => engineNames.map((engine) => ({ phase, engine })));
  const reasons = new Map<string, Set<string>>();
  const entryOf = (fault: Fault, phase: Cell["phase"], engine: Cell["engine"]): string => {
    const ran = [...results].filter(([cell]) => cell.fault === fault && cell.phase === phase && cell.engine === engine);
    const red = ran.filter(([, colour]) => colour === "red").length;
    if (red > 0) return `✗${red}`;
    if (ran.length > 0) return `✓${ran.length}`;
    const why = reasonAgainst(fault, phase, engine);
    if (why === undefined) return "·";
    const known = reasons.get(why) ?? new Set();
    reasons.set(why, known.add(`${fault.name} (${phase})`));
    return "–";
  };
  const head = phases.map((phase) => phase.padEnd(4 * engineNames.length)).join(" ");
  const engines = phases.map(() => engineNames.map((engine) => engineLetters[engine].padEnd(4)).join("")).join(" ");
  const rows = faults.map((fault) => {
    const entries = columns.map(({ phase, engine }, i) => entryOf(fault, phase, engine).padEnd(i % 3 === 2 ? 5 : 4));
    return fault.name.padEnd(width) + entries.join("").trimEnd();
  });
  const notes = [...reasons].map(([why, places]) => `  ${why}: ${placesOf(places)}`);
  return [
    `${"".padEnd(width)}${head}`,
    `${"".padEnd(width)}${engines}`,
    ...rows,
    "",
    "R rpc, C command, S simulate; ✓ green, ✗ red, · not run (FAULTS=all runs them all), – cannot be:",
    ...notes,
  ].join("\n");
}

/** Why no cell of a fault, a phase and an engine can be; undefined when one can. */
function reasonAgainst(fault: Fault, phase: Cell["phase"], engine: Cell["engine"]): string | undefined {
  let why: string | undefined;
  for (const strategy of strategyNames)
    for (const runtime of runtimes) {
      const answer = answerOf({ fault, phase, engine, strategy, runtime });
      if (typeof answer !== "string") return undefined;
      // What is said of the phase says more than that it is another strategy's.
      if (!Object.values(fault.without ?? {}).includes(answer)) why = answer;
      why ??= answer;
    }
  return why;
}

function placesOf(places: ReadonlySet<string>): string {
  const some = [...places].slice(0, 4).join(", ");
  return places.size > 4 ? `${some}, and ${places.size - 4} more` : some;
}
