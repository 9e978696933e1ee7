import type { Round } from "criu-aware/simulate";
import { appMoments, type Shown, STEPS, STOP_AT } from "./run.ts";
import { type DeviceName, type RuntimeName, Trainer } from "./trainer.ts";

/**
 * The same trainer where there is no CRIU, nor anything that a notice could travel by: it plays its checkpoint itself, in
 * the middle of its work, and must end with the same bits.
 */
export async function runInProcess(runtime: RuntimeName, device: DeviceName, expected: string): Promise<Shown> {
  using trainer = new Trainer(runtime, { device, steps: STEPS, simulateAt: STOP_AT });
  const round = JSON.parse((await trainer.until(/^round (.*)$/m))[1] as string) as Round;
  const {
    sentAt = 0,
    readyAt = Number.NaN,
    releasedAt = Number.NaN,
    recoveredAt = Number.NaN,
    outcome = "unknown",
  } = round;
  const run = {
    runtime,
    device,
    round: 1,
    strategy: "none",
    outcome,
    exact: (await trainer.digest()) === expected,
    noticeToReadyMs: readyAt - sentAt,
    // As the simulate engine counts: with the notice, and nothing is written.
    dumpMs: readyAt - sentAt,
    restoreMs: releasedAt - readyAt,
    restoreToRebuiltMs: recoveredAt - releasedAt,
  } as const;
  return { run, moments: [{ at: sentAt, who: "app", what: "asks for a checkpoint" }, ...appMoments(round)] };
}
