import { ownPidOf } from "../../ffi/process.ts";
import { beginningOfProc } from "../../ffi/read_up_to.ts";
import { type Started, startedAs } from "./command.ts";

/** In the environment of a program that we have started: how, and the pid that it had, for its children have the same environment. */
const [COMMAND, PID] = ["CRIU_AWARE_COMMAND", "CRIU_AWARE_PID"];
/** The longest environment that execve(2) takes without a larger stack is 2 MiB; ours stands at its end. */
const MOST_BYTES = 4 * 2 ** 20;

/** How a program was started. */
export interface StartMark extends Started {
  /** The working directory that it was started in. */
  readonly cwd: string;
}

/**
 * What to start instead of a command, and with which variables, so that a dump knows how it was started, whatever it runs by then: env(1),
 * setpriv(1) and shells run another program in their place, and some programs write over their command line. `prepare` is shell.
 * Undefined when there is no such program.
 */
export function marked(
  command: readonly string[],
  cwd: string,
  prepare = "",
): { command: readonly string[]; env: Readonly<Record<string, string>> } | undefined {
  const started = startedAs(command, cwd);
  if (!started) return undefined;
  const script = `${prepare}export ${PID}=$$; exec "$0" "$@"`;
  return { command: ["sh", "-c", script, ...command], env: { [COMMAND]: JSON.stringify({ ...started, cwd }) } };
}

/** The mark of a process; undefined when it was not started so itself. */
export function markOf(pid: number): StartMark | undefined {
  return markIn(environmentOf(pid), ownPidOf(pid));
}

/** The mark in the environment of a process, whose pid it has to name. */
export function markIn(environment: string, pid: number | undefined): StartMark | undefined {
  const words = environment.split("\0");
  const value = (name: string): string =>
    words.findLast((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
  if (value(PID) !== String(pid)) return undefined;
  try {
    const { executable, command, cwd } = JSON.parse(value(COMMAND)) as Partial<StartMark>;
    const isText = (text: unknown): text is string => typeof text === "string";
    if (!isText(executable) || !isText(cwd) || !Array.isArray(command) || !command.every(isText)) return undefined;
    return { executable, command, cwd };
  } catch {
    return undefined;
  }
}

/** As it was at the start: environ in proc(5). "" when the process has ended, or may not be looked into. */
export function environmentOf(pid: number): string {
  try {
    return beginningOfProc(`/proc/${pid}/environ`, MOST_BYTES).toString();
  } catch {
    return "";
  }
}
