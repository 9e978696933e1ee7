import { setTimeout as sleep } from "node:timers/promises";
import { aliveSince } from "../ffi/process.ts";
import { processTree } from "../ffi/process_tree.ts";
import type { RecoveryFailure } from "../lifecycle/types.ts";
import { DriverPage } from "../page/driver_page.ts";
import { PageError } from "../page/errors.ts";
import type { RecoveredProcess } from "./engine.ts";
import { describeStandstill, unlessStill } from "./paused.ts";

/** What must be there after a restore, by the pids that this process sees. */
export interface Expected {
  /** The processes that must run. */
  readonly pids: readonly number[];
  /** How many of the tree must be attached. */
  readonly attached: number;
  /** Those of `pids` that the kernel sends a signal when CRIU ends, their parent. */
  readonly endWithParent: readonly number[];
}

const HAS_ENDED = "it has ended since it was let go";
const ENDED_WITH_PARENT =
  "it has ended with its parent, which was CRIU (PR_SET_PDEATHSIG of prctl(2)): start the app without setpriv --pdeathsig, or " +
  "give CRIU --restore-sibling in a program that stays";
/** The document is written again when a resource is registered meanwhile. */
const WRITING_MS = 1000;
/** Until the kernel's signal for the end of a parent has done its work. */
const DYING_MS = 250;

/**
 * Waits, at most `timeoutMs`, until every attached process of a tree that was let go runs again. Returns what each says, and what is wrong
 * with it: that it died, is not done, or could not rebuild something.
 */
export async function awaitRebuilt(pid: number, timeoutMs: number): Promise<RecoveredProcess[]> {
  const processes = await Promise.all(processTree(pid).map((member) => awaitOne(member, timeoutMs)));
  return processes.filter((process) => process !== undefined);
}

/** The same for a tree whose attached processes are known by their pids: those that are missing are among what it returns. */
export async function awaitAll(root: number, pids: readonly number[], timeoutMs: number): Promise<RecoveredProcess[]> {
  return withMissing(await awaitRebuilt(root, timeoutMs), { pids, attached: pids.length, endWithParent: [] });
}

/** What went wrong, in one line. */
export function describeFailure({ resource, message }: RecoveryFailure): string {
  return resource === undefined ? message : `${resource}: ${message}`;
}

/** The same processes, and those that are missing; to be called when CRIU has ended. */
export async function withMissing(found: readonly RecoveredProcess[], expected: Expected): Promise<RecoveredProcess[]> {
  const { pids, attached, endWithParent } = expected;
  for (let waited = 0; waited < DYING_MS && endWithParent.some(isAlive); waited += 10) await sleep(10);
  const processes = [...found];
  const known = new Set(found.map(({ pid }) => pid));
  const gone = pids.filter((pid) => !known.has(pid) && !isAlive(pid));
  processes.push(...gone.map((pid) => ended(nothing(pid), HAS_ENDED)));
  const missing = attached - processes.length;
  const [root = 0] = pids;
  if (missing > 0) {
    const what = `${missing} of ${attached} attached processes of its tree did not come back`;
    processes.push(ended(nothing(root), what));
  }
  // One that is rebuilt and ends then may have done its work; but not for that.
  return processes.map((process) =>
    endWithParent.includes(process.pid) && !isAlive(process.pid) ? ended(process, ENDED_WITH_PARENT) : process,
  );
}

async function awaitOne(pid: number, timeoutMs: number): Promise<RecoveredProcess | undefined> {
  let wasAttached = false;
  try {
    using page = await DriverPage.open(pid);
    wasAttached = true;
    const isRunning = ({ state }: { state: string }): boolean => state === "running";
    const { result: done, standstill } = await unlessStill(pid, (signal) => page.until(isRunning, timeoutMs, signal));
    const { outcome, generation, state } = page.status();
    const document = await page.wholeDocument(WRITING_MS);
    const round = document?.lastRound;
    const late = `it is not done after ${timeoutMs} ms: its state is "${state}". Give it more time (timeoutMs, --timeout-ms)`;
    const process = { pid, outcome, generation, round, errors: round?.errors ?? [] };
    if (!done)
      return ended(process, standstill && standstill !== "traced" ? describeStandstill(standstill, pid) : late);
    return document ? process : ended(process, "it does not say whether all was rebuilt: its page is damaged");
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
    if (wasAttached) return ended(nothing(pid), isAlive(pid) ? error.message : HAS_ENDED);
    return error.code === "missing" ? undefined : ended(nothing(pid), error.message);
  }
}

function isAlive(pid: number): boolean {
  return aliveSince(pid) !== undefined;
}

function nothing(pid: number): RecoveredProcess {
  return { pid, outcome: undefined, generation: 0, round: undefined, errors: [] };
}

function ended(process: RecoveredProcess, message: string): RecoveredProcess {
  return { ...process, errors: [{ message }] };
}
