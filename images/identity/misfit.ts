import { basename, relative, resolve } from "node:path";
import { printable } from "../../ffi/printable.ts";
import type { Manifest } from "../manifest_shape.ts";
import { momentOf } from "../moment.ts";
import { startedAs } from "./command.ts";
import { expandDepends } from "./depends.ts";
import { changedNames, type Environment } from "./env_gate.ts";
import type { Program } from "./program.ts";
import { differenceOf, isFile, isNewerThan } from "./source_file.ts";
import { sourcesOf } from "./sources.ts";

/** A program that is to be started, or else restored. */
export interface Wanted {
  /** The program, by its path or a name on the PATH, and its arguments. */
  readonly command: readonly string[];
  /** Where it is to run. @default the working directory of this process */
  readonly cwd?: string;
  /** Files and patterns that must be as they were, besides those that the dump knows; absolute. */
  readonly depends?: readonly string[];
  /** How many of the last words of the dumped command may be other ones, or missing, or followed by more. @default all are compared */
  readonly renewable?: number;
  /** The environment that it would get. @default that of this process */
  readonly env?: Environment;
}

const MOST_NAMED = 3;
const LONGEST = 300;

/**
 * Why to restore a dump would not be the same as to start a program, in one line: another program or build of it, other arguments,
 * another working directory, another value of a variable that the app has named (`envGate`), files that have changed since. Undefined
 * when it is the same, as far as {@linkcode describeProgram} sees.
 *
 * @example
 * ```ts
 * import { misfitOf, readManifest } from "criu-aware/images";
 * const why = misfitOf(readManifest("/var/tmp/images"), { command: ["bun", "app.ts"] });
 * console.log(why ?? "restore it");
 * ```
 */
export function misfitOf(manifest: Manifest, wanted: Wanted): string | undefined {
  const { program } = manifest;
  if (!program) return "its manifest does not say which program it is of: dump again";
  const { command, cwd = process.cwd(), depends = [], renewable, env = { ...process.env } } = wanted;
  return (
    commandMisfit(program, { command, cwd, ...(renewable === undefined ? {} : { renewable }) }) ??
    environmentMisfit(manifest, env) ??
    describeChanges(manifest, newerFiles(program, { command, cwd, depends }))
  );
}

/**
 * What has become of the files of a dumped program, in one line; undefined when all are what they were.
 * @param newer further files, which have changed since.
 */
export function describeChanges({ program, createdAt }: Manifest, newer: readonly string[] = []): string | undefined {
  const { files = [], depends = [], cwd = "/" } = program ?? {};
  const known = new Set(files.map(({ path }) => path));
  const added = program?.files ? expandDepends(depends).filter((path) => !known.has(path)) : [];
  const changes = [
    ...files.flatMap((file) => {
      const how = differenceOf(file);
      return how === undefined ? [] : [`${pathFrom(cwd, file.path)} ${how}`];
    }),
    ...added.map((path) => `${pathFrom(cwd, path)} is new`),
    ...newer.map((path) => `${pathFrom(cwd, path)} has changed`),
  ];
  const dump = `the dump of ${momentOf(createdAt)}`;
  if (changes.length > 0) return `${few(changes)} since ${dump}`;
  const late = files.filter(({ isLate }) => isLate).map(({ path }) => pathFrom(cwd, path));
  return late.length > 0 ? `${few(late)} had changed before ${dump}, while the program ran` : undefined;
}

function commandMisfit(
  program: Program,
  { command, cwd, renewable }: Pick<Wanted, "command" | "renewable"> & { readonly cwd: string },
): string | undefined {
  const before = program.started ?? (program.command && { ...program, command: program.command });
  if (!before) {
    return "the program had written over its command line before the dump (process.title), so it cannot be known again";
  }
  const started = startedAs(command, cwd);
  if (!started) return `there is no program ${shown(command.slice(0, 1))}`;
  const [name = "", ...args] = before.command;
  const [wantedName = "", ...wantedArgs] = started.command;
  const both = `the dump is of ${shown(before.command)}, and this is ${shown(started.command)}`;
  if (started.executable !== before.executable) {
    return `another program: the dump is of ${printable(before.executable, LONGEST)}, and this is ${printable(started.executable, LONGEST)}`;
  }
  if (basename(name) !== basename(wantedName)) return `another program: ${both}`;
  const fixed = args.slice(0, args.length - (renewable ?? 0));
  const isSame =
    (renewable !== undefined || args.length === wantedArgs.length) &&
    fixed.length <= wantedArgs.length &&
    fixed.every((word, i) => isSameWord(word, wantedArgs[i] ?? "", cwd));
  if (!isSame) return `other arguments: ${both}`;
  if (before.cwd !== cwd) {
    return `another working directory: the dump is of ${printable(before.cwd, LONGEST)}, and this is ${printable(cwd, LONGEST)}`;
  }
  return undefined;
}

/** Names the variables, and says no value. */
function environmentMisfit({ envGate }: Manifest, env: Environment): string | undefined {
  const names = envGate ? changedNames(envGate, env) : [];
  return names.length === 0
    ? undefined
    : `another value of ${names.map((name) => printable(name, LONGEST)).join(", ")} (envGate of the app)`;
}

/** A script may be named by its whole path, or from the working directory. */
function isSameWord(word: string, other: string, cwd: string): boolean {
  return word === other || (resolve(cwd, word) === resolve(cwd, other) && isFile(resolve(cwd, word)));
}

/** What the dump knows no digest of, must not be younger than what was dumped. */
function newerFiles(
  program: Program,
  { command, cwd, depends }: Required<Pick<Wanted, "command" | "cwd" | "depends">>,
): string[] {
  const known = new Set(program.files?.map(({ path }) => path));
  const unseen = program.files ? [] : [program.executable, ...sourcesOf([{ command, cwd }]).map(({ path }) => path)];
  const more = [...unseen, ...expandDepends(depends)];
  return [...new Set(more)].filter((path) => !known.has(path) && isNewerThan(path, program.startedAt));
}

/** The first of many; of a new release all files have changed. */
function few(texts: readonly string[]): string {
  const named = texts.slice(0, MOST_NAMED).join(", ");
  return texts.length > MOST_NAMED ? `${named} and ${texts.length - MOST_NAMED} more` : named;
}

/** Short for what lies below the working directory. */
function pathFrom(cwd: string, path: string): string {
  const short = relative(cwd, path);
  return printable(short.startsWith("..") ? path : short, LONGEST);
}

function shown(command: readonly string[]): string {
  return `"${printable(command.join(" "), LONGEST)}"`;
}
