/** Calls the hooks of a resource as an agent does. */
import type { Outcome, Resource } from "../../lifecycle/types.ts";

const never = new AbortController().signal;

export async function prepare(resource: Resource, signal: AbortSignal = never): Promise<void> {
  await resource.beforeCheckpoint?.({ noticeId: "n", criuOptions: [], signal });
}

export async function recover(resource: Resource, outcome: Outcome = "restored"): Promise<void> {
  await resource.afterRestore?.({
    noticeId: "n",
    outcome,
    generation: 1,
    simulated: false,
    frozenMs: 0,
    signal: never,
  });
}
