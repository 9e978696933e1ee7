import { printable } from "../ffi/printable.ts";
import type { ImageProcess, Images, SharedMemory } from "./types.ts";

/** One thing that differs between two dumps. */
export interface Difference {
  /** `dump`, `process 12 (bun)`, `shared memory criu-aware`: of the first dump where both have it; safe to print. */
  readonly subject: string;
  /** What of it: `bytes`, `threads`, `descriptors: file`. */
  readonly what: string;
  /** In the first dump; undefined when it is not there. */
  readonly a: number | string | undefined;
  /** In the second dump, likewise. */
  readonly b: number | string | undefined;
}

/**
 * What differs between two dumps: sizes, times, processes, their memory and descriptors, shared memory and deleted files. Empty
 * when nothing does. Processes are paired by pid and name, and what remains by name: two runs of an app have other pids.
 *
 * @example
 * ```ts
 * import { compareImages, readImages } from "criu-aware/images";
 * console.table(compareImages(readImages("/var/tmp/before"), readImages("/var/tmp/after")));
 * ```
 */
export function compareImages(a: Images, b: Images): Difference[] {
  return [
    ...compare("dump", factsOf(a), factsOf(b)),
    ...pair(a.processes, b.processes, pidAndName, nameOf).flatMap(([a, b]) =>
      compare(`process ${(a ?? b)?.pid} (${(a ?? b)?.name})`, a && processFacts(a), b && processFacts(b)),
    ),
    ...pair(a.shared, b.shared, idAndKind, kindOf).flatMap(([a, b]) =>
      compare(`shared memory ${(a ?? b)?.name ?? (a ?? b)?.id}`, a && sharedFacts(a), b && sharedFacts(b)),
    ),
  ];
}

type Facts = Readonly<Record<string, number | string | undefined>>;

function factsOf(images: Images): Facts {
  return {
    arch: images.arch,
    bytes: images.bytes,
    "bytes on disk": images.diskBytes,
    processes: images.processes.length,
    "memory in the image": images.processes.reduce((sum, { memory }) => sum + memory.imageBytes, 0),
    "deleted files": images.ghosts.length,
    "deleted files' bytes": images.ghosts.reduce((sum, { bytes }) => sum + bytes, 0),
    "frozen ms": images.dump?.frozenMs,
    "freezing ms": images.dump?.freezingMs,
    "pages written": images.dump?.pagesWritten,
  };
}

function processFacts({ pid, state, threads, executable, memory, descriptors }: ImageProcess): Facts {
  const counts: Record<string, number> = {};
  for (const { kind } of descriptors) counts[`descriptors: ${kind}`] = (counts[`descriptors: ${kind}`] ?? 0) + 1;
  return {
    pid,
    state,
    threads: threads.length,
    executable: executable?.path,
    build: executable?.buildId,
    "mapped bytes": memory.mappedBytes,
    "memory in the image": memory.imageBytes,
    "memory in the parent": memory.parentBytes,
    ...counts,
  };
}

function sharedFacts({ bytes, imageBytes, pids }: SharedMemory): Facts {
  return { bytes, "bytes in the image": imageBytes, processes: pids.length };
}

function compare(subject: string, a: Facts = {}, b: Facts = {}): Difference[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((what) => a[what] !== b[what])
    .map((what) => ({ subject: printable(subject), what, a: a[what], b: b[what] }));
}

const nameOf = ({ name }: ImageProcess): string => name;
const pidAndName = ({ pid, name }: ImageProcess): string => JSON.stringify([pid, name]);
const kindOf = ({ kind, name }: SharedMemory): string => JSON.stringify([kind, name]);
const idAndKind = ({ id, kind, name }: SharedMemory): string => JSON.stringify([id, kind, name]);

/** Pairs the things of two lists by the first key that they have in common; those that are left stand alone. */
function pair<T>(
  as: readonly T[],
  bs: readonly T[],
  ...keys: readonly ((of: T) => string)[]
): [a: T | undefined, b: T | undefined][] {
  const partners = new Map<T, T>();
  const free = new Set(bs);
  for (const keyOf of keys) {
    // The last of each is taken first.
    const waiting = Map.groupBy([...free].reverse(), keyOf);
    for (const a of as) {
      const b = partners.has(a) ? undefined : waiting.get(keyOf(a))?.pop();
      if (b === undefined) continue;
      partners.set(a, b);
      free.delete(b);
    }
  }
  return [
    ...as.map((a): [T | undefined, T | undefined] => [a, partners.get(a)]),
    ...[...free].map((b): [T | undefined, T | undefined] => [undefined, b]),
  ];
}
