import { exitCodes } from "./exit_codes.ts";
import { say } from "./report.ts";

const signals = ["SIGINT", "SIGTERM"] as const;

/** Turns Ctrl-C (SIGINT) and SIGTERM into an abort, until disposal. */
export interface Cancel extends Disposable {
  readonly signal: AbortSignal;
}

/** What becomes of the apps: when the work was cancelled, and when this process leaves without waiting for that. */
export interface Consequences {
  readonly cancelled: string;
  readonly left: string;
  /** When that is. @default "at CRIU's next step" */
  readonly when?: string;
}

/** The first signal cancels, in good order; the second one ends this process at once. */
export function cancelOnSignal(
  { cancelled, left, when = "at CRIU's next step" }: Consequences,
  makeRoom: () => void,
): Cancel {
  const controller = new AbortController();
  const cancel = (signal: string): void => {
    makeRoom();
    if (controller.signal.aborted) {
      say(`criu-aware: leaving at once: ${left}.`);
      process.exit(exitCodes.cancelled);
    }
    say(`criu-aware: cancelling ${when}; once more leaves at once`);
    controller.abort(new DOMException(`Cancelled by ${signal}: ${cancelled}.`, "AbortError"));
  };
  for (const signal of signals) process.on(signal, cancel);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, cancel);
    },
  };
}
