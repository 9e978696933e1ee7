import type { BlockerKind } from "../../blockers/kinds.ts";
import type { CriuOption } from "../../criu/options.ts";

/** A line of CRIU's log, what it means, and the cure: `=KIND` takes that of a kind of blocker. `$1` is what the line says. */
export type FailureRow = readonly [pattern: RegExp, meaning: string, cure: string, ...options: CriuOption[]];

/** What helps against an id that is taken, whoever has it. */
export const OWN_PID_NAMESPACE: string =
  "restore below an init in a pid namespace of its own: unshare --pid --fork --mount-proc criu-aware run --foreground " +
  "--restore-or-start DIR -- COMMAND";

/** A cure that is known only when it is told: where to get another CRIU. */
export const OTHER_CRIU = "=criu";

/** A row of a kind of blocker, whose cure it takes. */
export const blocked = (pattern: RegExp, meaning: string, kind: BlockerKind): FailureRow => [
  pattern,
  meaning,
  `=${kind}`,
];
