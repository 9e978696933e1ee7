/** Calls the hooks of a resource as an agent does. */
import type { HoldContext, Outcome, Resource } from "../../lifecycle/types.ts";

const never = new AbortController().signal;
/** Each checkpoint has an id of its own. */
let notices = 0;

export function holdContext(): HoldContext {
  return { noticeId: `n${notices}`, criuOptions: ["tcpClose"] };
}

export async function prepare(resource: Resource, signal: AbortSignal = never, timeoutMs = 10_000): Promise<void> {
  notices++;
  await resource.beforeCheckpoint?.({ ...holdContext(), timeoutMs, signal });
}

export async function recover(resource: Resource, outcome: Outcome = "restored"): Promise<void> {
  await resource.afterRestore?.({
    ...{ noticeId: `n${notices}`, outcome, generation: 1, simulated: false, frozenMs: 0 },
    ...{ timeoutMs: 10_000, signal: never },
  });
}
