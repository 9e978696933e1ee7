import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { readCore, readTree } from "./tree.ts";

/** What the processes of a dump must find again, beside their files. */
export interface Needs {
  /** The pid of the root of the tree, as it sees itself. */
  readonly root: number;
  /** The processes of the tree. */
  readonly pids: readonly number[];
  /** All pids and thread ids; empty for a tree with a pid namespace of its own, where none can be taken. */
  readonly ids: readonly number[];
  /** The capabilities that its processes have, a bit each (capabilities(7)); 0 for a tree with a user namespace of its own. */
  readonly capabilities: bigint;
  /** Those that the kernel sends a signal when their parent ends (PR_SET_PDEATHSIG of prctl(2)). */
  readonly endWithParent: readonly number[];
}

/**
 * Reads what a dump needs of the machine that restores it.
 * @throws {ImageError} when an image is missing or damaged.
 */
export function readNeeds(directory: string): Needs {
  const path = resolve(directory);
  const tasks = readTree(path);
  const threads = tasks.map(({ pid }) => ({ pid, core: readCore(path, pid).threadCore }));
  const root = tasks[0]?.pid ?? 0;
  const ownUsers = readdirSync(path).some((name) => /^userns-\d+\.img$/.test(name));
  return {
    root,
    pids: tasks.map(({ pid }) => pid),
    ids: root === 1 ? [] : [...new Set(tasks.flatMap(({ pid, threads }) => [pid, ...threads]))],
    capabilities: ownUsers ? 0n : threads.reduce((set, { core }) => set | setOf(core?.creds?.capPrm), 0n),
    endWithParent: threads.filter(({ core }) => core?.pdeathSig).map(({ pid }) => pid),
  };
}

/** CRIU keeps a set as words of 32 bits, the lowest first. */
function setOf(words: readonly number[] = []): bigint {
  return words.reduce((set, word, i) => set | (BigInt(word) << BigInt(32 * i)), 0n);
}
