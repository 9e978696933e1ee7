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
  const last = Number(readOrEmpty(LAST));
  const highest = Math.max(0, ...ids);
  const most = Number(readOrEmpty("/proc/sys/kernel/pid_max"));
  if (highest + AHEAD > most || !ids.some((id) => id > last && id <= last + AHEAD)) return;
  try {
    writeFileSync(LAST, String(highest));
  } catch {
    // Then an id may be taken after all; that is looked at as well.
  }
}
