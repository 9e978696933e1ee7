import { setTimeout as sleep } from "node:timers/promises";
import { CriuError } from "../criu/errors.ts";
import { holdersOf, type IdHolder } from "../ffi/id_holders.ts";
import { startAbove } from "../ffi/next_pid.ts";
import { printable } from "../ffi/printable.ts";
import { OWN_PID_NAMESPACE } from "./failures/row.ts";
import { now } from "./phases.ts";

/** A dumped process may just be about to end when its dump is done. */
const GRACE_MS = 300;
/** More are not named. */
const NAMED = 5;

/** How long to wait for ids, and what to do meanwhile. */
export interface Waiting {
  /** Milliseconds since 1970. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
  /** Called once, before the first wait. */
  onWait(): void;
}

/**
 * Sees to it that nobody has the pids and thread ids that a restore needs: waits for those who are ending, and lets whatever is
 * started from now on, CRIU itself first of all, have others.
 *
 * @throws {CriuError} that names who has an id, when it does not end.
 */
export async function freeIds(ids: readonly number[], { deadline, signal, onWait }: Waiting): Promise<void> {
  const started = now();
  let waits = false;
  for (;;) {
    signal?.throwIfAborted();
    const holders = holdersOf(ids);
    if (holders.length === 0) return startAbove(ids);
    const staying = holders.filter(({ isEnding }) => !isEnding);
    const isOurs = staying.some(({ pid }) => pid === process.pid);
    const isLate = now() > (staying.length > 0 ? Math.min(deadline, started + GRACE_MS) : deadline);
    if (isOurs || isLate) throw idsTaken(staying.length > 0 ? staying : holders);
    if (!waits) onWait();
    waits = true;
    await sleep(10);
  }
}

/** What to say of ids that somebody has. */
function idsTaken(holders: readonly IdHolder[]): CriuError {
  // A process has its own pid and those of its threads: once is enough.
  const each = [...new Map(holders.toReversed().map((holder) => [holder.pid, holder])).values()].toReversed();
  const named = each.slice(0, NAMED).map(describe);
  const more = each.length > NAMED ? [`and more by ${each.length - NAMED} others`] : [];
  const what = `Cannot restore: ${[...named, ...more].join(", ")}.`;
  const isOurs = holders.some(({ pid }) => pid === process.pid);
  return new CriuError("restore", `${what} ${isOurs ? cureOfOurs : cureOfOthers}`);
}

function describe({ id, pid, command, isEnding }: IdHolder): string {
  const state = isEnding ? ", which has ended and is not reaped by its parent" : "";
  const ofProcess = id === pid ? printable(command) : `process ${pid} (${printable(command)})`;
  const owner = pid === process.pid ? "this process itself" : ofProcess;
  return `${id === pid ? "pid" : "thread id"} ${id} is taken by ${owner}${state}`;
}

const cureOfOthers = `End it, or ${OWN_PID_NAMESPACE}.`;
const cureOfOurs =
  "Start it from a process that has none of these ids, with higher ones: echo 30000 >/proc/sys/kernel/ns_last_pid; criu-aware " +
  "restore DIR. An app that criu-aware run starts gets ids that do not come in its way.";
