import { readProc, readProcLink } from "#proc";
import type { Libc } from "./libc.ts";
import { createPoll } from "./poll.ts";
import { readOrEmpty } from "./read_or_empty.ts";
import { statusField } from "./status_field.ts";
import type { SystemCallError } from "./system_call_error.ts";

// The same number on every architecture: asm-generic/unistd.h
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;

/** A process held by a pidfd (pidfd_open(2)): what is sent reaches this process or nobody, whoever has its pid by then. */
export interface ProcessHandle extends Disposable {
  readonly pid: number;
  /** Readable once the process has ended. */
  readonly fd: number;
  isAlive(): boolean;
  /** Sends `signal`. Throws SystemCallError: ESRCH when it has ended, EPERM without the right to. */
  kill(signal: number): void;
}

/** Takes hold of a process. Throws SystemCallError: ESRCH when there is none with that pid. */
export function openProcess(libc: Libc, pid: number): ProcessHandle {
  const fd = Number(libc.check(libc.syscall(SYS_PIDFD_OPEN, pid, 0, 0, 0, 0, 0), `find process ${pid}`));
  const poll = createPoll(libc, [fd]);
  return {
    pid,
    fd,
    isAlive: () => poll(0) !== "readable",
    kill: (signal) =>
      void libc.check(
        libc.syscall(SYS_PIDFD_SEND_SIGNAL, fd, signal, 0, 0, 0, 0),
        `send signal ${signal} to process ${pid}`,
      ),
    [Symbol.dispose]: () => void libc.close(fd),
  };
}

/** Whether a process has ended, as certainly as the kernel says it also of one that may not be looked at: it may still be a zombie. */
export function hasEnded(libc: Libc, pid: number): boolean {
  try {
    using process = openProcess(libc, pid);
    return !process.isAlive();
  } catch (error) {
    return (error as SystemCallError).code === "ESRCH";
  }
}

/**
 * The start time of a process, or of this thread, field 22 of /proc/pid/stat (proc(5)), in clock ticks since boot. It depends on the time
 * namespace of the reader: compare only values that the same process has read.
 */
export function startTime(pid: number | "self" | "thread-self"): string {
  return stat(pid)[19] as string;
}

/** proc(5) counts in hundredths of a second on every architecture: USER_HZ. */
const TICK_MS = 10;

/** When a process was started, or restored, in milliseconds since 1970, to a few hundredths of a second. Throws when there is none. */
export function startedAt(pid: number | "self"): number {
  const [uptime] = readProc("/proc/uptime").split(" ");
  return Math.round(Date.now() - Number(uptime) * 1000 + Number(startTime(pid)) * TICK_MS);
}

/** The start time of a process; undefined when there is none, or it has ended and was not reaped, or may not be seen. */
export function aliveSince(pid: number): string | undefined {
  try {
    const fields = stat(pid);
    return /[ZX]/.test(fields[0] as string) ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The state of a process as proc(5) names it, `S` or `T` for instance; "" when there is none. */
export function processState(pid: number): string {
  try {
    return stat(pid)[0] as string;
  } catch {
    return "";
  }
}

/**
 * The user that a process is: undefined when its real, effective, saved and file system uid (proc(5), status) are not the same, as
 * in a set-user-ID program, and when it has ended.
 */
export function userOf(pid: number): number | undefined {
  const [uid, ...others] = uidsOf(pid).split(/\s+/);
  return uid && others.length === 3 && others.every((other) => other === uid) ? Number(uid) : undefined;
}

/** The uids of a process, real, effective, saved and of the file system, as one text; "" when it has ended. */
export function uidsOf(pid: number): string {
  return statusField(readOrEmpty(`/proc/${pid}/status`), "Uid") ?? "";
}

/** The fields of /proc/pid/stat from the third on: the second one is a name that may hold anything. */
function stat(pid: number | "self" | "thread-self"): string[] {
  const text = readProc(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/**
 * The offsets of the time namespace of this process, or of its next children where they get another one (time_namespaces(7)); "" where the
 * kernel has none.
 */
export function timeOffsets(): string {
  return readOrEmpty("/proc/self/timens_offsets");
}

/** The pid that a process has in its own pid namespace: the last number of NSpid (proc_pid_status(5)); undefined when it has ended. */
export function ownPidOf(pid: number): number | undefined {
  const ids = statusField(readOrEmpty(`/proc/${pid}/status`), "NSpid");
  return ids === undefined ? undefined : Number(ids.split(/\s+/).at(-1));
}

/** The pid namespace of a process, as text that is equal for equal namespaces. */
export function pidNamespace(pid: number | "self"): string {
  return readProcLink(`/proc/${pid}/ns/pid`);
}

/** Whether a process handles `signal`: SigCgt in /proc/pid/status (proc(5)). True where that cannot be read. */
export function isCaught(pid: number, signal: number): boolean {
  return isIn(statusField(readOrEmpty(`/proc/${pid}/status`), "SigCgt"), signal) ?? true;
}

/** Whether `signal` waits for this process, and every thread blocks it: ShdPnd in /proc/self/status (proc(5)). */
export function isPending(signal: number): boolean {
  return isIn(statusField(readOrEmpty("/proc/self/status"), "ShdPnd"), signal) ?? false;
}

function isIn(mask: string | undefined, signal: number): boolean | undefined {
  return mask === undefined ? undefined : ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}
