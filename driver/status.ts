import { readdirSync } from "node:fs";
import type { Outcome, State } from "../lifecycle/types.ts";
import { DriverPage } from "../page/driver_page.ts";

/** An attached process of this host. */
export interface AttachedProcess {
  readonly pid: number;
  readonly runtime: string;
  readonly state: State;
  /** The kinds of its strategies. */
  readonly strategies: readonly string[];
  readonly resources: readonly string[];
  /** How many times it was restored. */
  readonly generation: number;
  readonly lastOutcome: Outcome | undefined;
  /** Why the last notice was refused; empty when it was not. */
  readonly refusal: readonly string[];
}

/** All attached processes that this user may look into: for root, those of the whole host, containers included. */
export async function listAttached(): Promise<AttachedProcess[]> {
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const found: AttachedProcess[] = [];
  for (const pid of pids) {
    try {
      using page = await DriverPage.open(pid);
      const { state, generation, outcome, reply, refusal } = page.status();
      const { runtime, strategies = [], resources = [] } = page.document() ?? {};
      found.push({
        pid,
        runtime: runtime ? `${runtime.name} ${runtime.version}` : "unknown",
        state,
        strategies: strategies.map(({ kind }) => kind),
        resources,
        generation,
        lastOutcome: outcome,
        refusal: reply === "refused" ? refusal : [],
      });
    } catch {
      // Not attached, just ended, or not ours to look into.
    }
  }
  return found;
}
