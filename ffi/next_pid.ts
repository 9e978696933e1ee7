import { writeFileSync } from "node:fs";
import { readOrEmpty } from "./read_or_empty.ts";

/** The id that was given last in this pid namespace; the next one is higher (pid_namespaces(7)). */
const LAST = "/proc/sys/kernel/ns_last_pid";
/** As many processes and threads as may be started before the ids are needed. */
const AHEAD = 1000;

/**
 * Lets the ids of processes and threads that are started from now on begin above these, when they come close. Nothing happens without
 * the right to do so (CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE), or where /proc/sys is read-only, as in many containers.
 */
export function startAbove(ids: readonly number[]): void {
  const last = lastId();
  if (ids.some((id) => id > last && id <= last + AHEAD)) goOnAfter(ids.reduce((a, b) => Math.max(a, b)));
}

/**
 * Lets the ids that are given from now on be higher than those that the programs which start a pid namespace have: the command that
 * restores must not have those of the app (CRaC's option CRaCMinPid is for the same).
 */
export function startHigh(): void {
  if (lastId() < AHEAD) goOnAfter(AHEAD);
}

/** The highest id that a process or thread can have; where /proc/sys is hidden, the most that Linux allows (PID_MAX_LIMIT). */
export function highestId(): number {
  return (Number(readOrEmpty("/proc/sys/kernel/pid_max")) || 2 ** 22) - 1;
}

function lastId(): number {
  return Number(readOrEmpty(LAST));
}

function goOnAfter(id: number): void {
  if (id + AHEAD > highestId()) return;
  try {
    writeFileSync(LAST, String(id));
  } catch {
    // Then an id may be taken after all; that is looked at as well.
  }
}
