import { readlinkSync } from "node:fs";
import { readCommandLine } from "../../ffi/command_line.ts";
import { startedAt, userOf } from "../../ffi/process.ts";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";
import { expandDepends } from "./depends.ts";
import type { Program } from "./program.ts";
import { describeFile, isNewerThan, type SourceFile } from "./source_file.ts";
import { type Source, type Start, sourcesOf } from "./sources.ts";
import { markOf } from "./start_mark.ts";

const MOST_PROCESSES = 64;
/** Files that the processes name or map: more are no program. */
const MOST_FILES = 10_000;
/** Of a command line, in bytes: those that are longer cannot be known again. */
const LONGEST = 2 ** 20;
/** To digest more keeps the dump waiting: of further files size and time are noted. */
const MOST_BYTES = 64 * 2 ** 20;
const DELETED = / \(deleted\)$/;

/** How a tree is described. */
export interface DescribeOptions {
  /** Files and patterns that the user has named, absolute. */
  readonly depends?: readonly string[];
  /** Whether the tree has mounts of its own. */
  readonly ownMounts?: boolean;
  /** A moment that the processes have lived through, in milliseconds since 1970: restored ones are younger than what they run. */
  readonly runsSince?: number | undefined;
}

/**
 * Describes what the processes of a tree run, its root first: the command line, the working directory, what is mapped as code, the
 * scripts that their command lines name, what these import, the lock files and settings of their projects, and what the user has named.
 * Undefined when the root has just ended.
 *
 * Not seen are names of modules that are computed, what a program reads as data, what comes from the network without a lock file,
 * edits inside of node_modules, and the environment. Of a file that the processes' users could not read, only size and time are noted.
 */
export function describeProgram(pids: readonly number[], options: DescribeOptions = {}): Program | undefined {
  const { depends = [], ownMounts = false, runsSince = Number.POSITIVE_INFINITY } = options;
  const [root = 0] = pids;
  try {
    const command = commandOf(root);
    const started = markOf(root);
    const program = {
      ...(command ? { command } : {}),
      ...(started ? { started } : {}),
      cwd: readlinkSync(`/proc/${root}/cwd`),
      executable: readlinkSync(`/proc/${root}/exe`).replace(DELETED, ""),
      startedAt: Math.max(0, Math.min(startedAt(root), Math.floor(runsSince))),
      depends,
    };
    return ownMounts ? program : { ...program, files: filesOf(pids, depends, program.startedAt) };
  } catch {
    return undefined;
  }
}

function filesOf(pids: readonly number[], depends: readonly string[], since: number): SourceFile[] {
  const few = pids.slice(0, MOST_PROCESSES);
  const mapped = new Set(few.flatMap(mappedCode).slice(0, MOST_FILES));
  const readers = new Set(few.map(userOf));
  const sources: Source[] = [
    ...sourcesOf(few.flatMap(startOf)).slice(0, MOST_FILES),
    ...expandDepends(depends).map((path) => ({ path, byTime: false })),
  ];
  const files = new Map<string, SourceFile>();
  let bytes = 0;
  for (const { path, byTime } of sources) {
    if (files.has(path)) continue;
    const file = describeFile(path, { byTime: byTime || bytes > MOST_BYTES, readers });
    if (!file) continue;
    if (file.sha256 !== undefined) bytes += file.bytes;
    files.set(path, isNewerThan(path, since) ? { ...file, isLate: true } : file);
  }
  for (const path of mapped) {
    const file = describeFile(path.replace(DELETED, ""), { byTime: true });
    // One that was replaced has lost its name, as long as it is mapped.
    if (file) files.set(file.path, DELETED.test(path) ? { ...file, isLate: true } : file);
  }
  return [...files.values()];
}

/** Undefined when it is too long, or the program has written over it: what is left of the place of its arguments is then filled with NUL. */
function commandOf(pid: number): string[] | undefined {
  const bytes = readCommandLine(pid, LONGEST);
  const words = bytes.length < LONGEST ? bytes.toString().split("\0").slice(0, -1) : [];
  return words.length === 0 || (words.length > 1 && words.at(-1) === "" && words.at(-2) === "") ? undefined : words;
}

function startOf(pid: number): Start[] {
  try {
    return [{ command: commandOf(pid) ?? [], cwd: readlinkSync(`/proc/${pid}/cwd`) }];
  } catch {
    return [];
  }
}

/** The files that a process has mapped as code: its program, libraries, native modules. */
function mappedCode(pid: number): string[] {
  return readOrEmpty(`/proc/${pid}/maps`)
    .split("\n")
    .flatMap((line) => /^\S+ ..x. \S+ (?!00:00)\S+ [1-9]\d* +(\/.*)$/.exec(line)?.[1] ?? [])
    .filter((path) => !/^\/(memfd:|dev\/|SYSV)/.test(path));
}
