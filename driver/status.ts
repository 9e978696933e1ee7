import { readdirSync } from "node:fs";
import { commandLine } from "../ffi/command_line.ts";
import { uidsOf } from "../ffi/process.ts";
import { readUsers, type User } from "../ffi/users.ts";
import type { Outcome, RecoveryFailure, State } from "../lifecycle/types.ts";
import { DriverPage } from "../page/driver_page.ts";
import { deafStrategies } from "../strategies/notify.ts";
import { type Standstill, standstillOf } from "./paused.ts";

/** An attached process of this host. */
export interface AttachedProcess {
  /** Its pid, as this process sees it. */
  readonly pid: number;
  /** The user that it runs as: its effective uid. */
  readonly uid: number;
  /** The name of that user, where this host knows one. */
  readonly user: string | undefined;
  /** Its program and its arguments, as it says itself. Not safe to print: a process may put anything there. */
  readonly command: readonly string[];
  /** `bun 1.4.5`, as the app says; `unknown` when its page cannot tell. */
  readonly runtime: string;
  /** At which step of a checkpoint it is. */
  readonly state: State;
  /** Whether it waits at a point of its own (`agent.point()`) to be dumped. */
  readonly atPoint: boolean;
  /** What keeps it from answering a notice: a signal that stopped it, a debugger, or the cgroup freezer. */
  readonly standstill: Standstill | undefined;
  /** The kinds of its strategies. */
  readonly strategies: readonly string[];
  /** Those of them that do not reach it any more. */
  readonly deaf: readonly string[];
  /** The names of its resources. */
  readonly resources: readonly string[];
  /** How many times it was restored; simulated restores do not count. */
  readonly generation: number;
  /** What became of its last checkpoint; undefined before the first. */
  readonly lastOutcome: Outcome | undefined;
  /** What it could not rebuild after its last checkpoint, whatever the outcome; empty when all is well. */
  readonly errors: readonly RecoveryFailure[];
  /** Why the last notice was refused; empty when it was not. */
  readonly refusal: readonly string[];
  /** Notices from senders without the right to, since it has attached. */
  readonly rejectedNotices: number;
  /** Signals that came without a notice and were ignored, since it has attached. */
  readonly ignoredSignals: number;
}

/**
 * All attached processes that this user may look into, by their pids: for root, those of the whole host, containers included. With
 * `pids` only those among them.
 */
export async function listAttached(pids: readonly number[] = allPids()): Promise<AttachedProcess[]> {
  const users = readUsers();
  const found = await Promise.all(pids.map((pid) => lookAt(pid, users)));
  return found.filter((process) => process !== undefined).sort((a, b) => a.pid - b.pid);
}

function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

async function lookAt(pid: number, users: ReadonlyMap<number, User>): Promise<AttachedProcess | undefined> {
  try {
    using page = await DriverPage.open(pid);
    const { state, generation, outcome, point, reply, refusal, rejected, ignored } = page.status();
    const { runtime, strategies = [], resources = [], lastRound } = page.document() ?? {};
    const uid = Number(uidsOf(pid).split(/\s+/)[1]);
    const command = commandLine(pid);
    // Otherwise it may be another process that has the pid by now.
    if (!page.process.isAlive()) return undefined;
    return {
      pid,
      uid,
      user: users.get(uid)?.name,
      command,
      runtime: runtime ? `${runtime.name} ${runtime.version}` : "unknown",
      state,
      atPoint: point === "waiting",
      standstill: await standstillOf(pid),
      strategies: strategies.map(({ kind }) => kind),
      deaf: deafStrategies(page),
      resources,
      generation,
      lastOutcome: outcome,
      errors: lastRound?.errors ?? [],
      refusal: reply === "refused" ? refusal : [],
      rejectedNotices: rejected,
      ignoredSignals: ignored,
    };
  } catch {
    // Not attached, just ended, or not ours to look into.
    return undefined;
  }
}
