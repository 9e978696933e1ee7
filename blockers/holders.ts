import { readlinkSync } from "node:fs";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import type { BlockerKind } from "./kinds.ts";
import { describeProcess, fieldOf, namesIn } from "./proc.ts";
import type { Finding } from "./report.ts";
import { insideOf, perhapsInside, type Scope } from "./scope.ts";

/** How much a search for the holders of sockets may cost: whoever else runs on the machine decides how much there is to look through. */
export interface SearchLimits {
  readonly milliseconds: number;
  readonly descriptors: number;
}

const LIMITS: SearchLimits = { milliseconds: 100, descriptors: 20_000 };

/** The findings of one scan about a socket that somebody outside of the tree holds. */
export interface Outside {
  /** Keeps a finding; `inode` is the socket to find the holder of, `name` the name that is known without it. */
  add(kind: BlockerKind, inode: number | undefined, name: string, finding: Finding): void;
  /** Reports all of them, with their holders as far as these were found. */
  report(): void;
}

/** Collects findings, so that one search serves them all. A holder is only a comfort to the reader: what is cured is not worth it. */
export function createOutside(scope: Scope, limits: SearchLimits = LIMITS): Outside {
  const kept: { kind: BlockerKind; inode: number | undefined; name: string; finding: Finding }[] = [];
  return {
    add(kind, inode, name, finding) {
      kept.push({ kind, inode, name, finding });
    },
    report() {
      const wanted = new Set<number>();
      for (const { kind, inode, finding } of kept)
        if (inode !== undefined && scope.report.isBlocking(kind, finding)) wanted.add(inode);
      const holders = findHolders(wanted, candidates(scope), limits);
      // One process may hold thousands.
      const described = new Map(
        [...new Set(holders.values())].map((pid) => [pid, [describeProcess(pid), perhapsInside(scope, pid)]] as const),
      );
      for (const { kind, inode, name, finding } of kept) {
        const [holder, perhaps] = described.get(holders.get(inode ?? -1) ?? -1) ?? [];
        scope.report.add(kind, { ...finding, who: [name, holder].filter(Boolean).join(", ") || undefined, perhaps });
      }
    },
  };
}

/** Who may hold the other end. An app that scans itself is held meanwhile, and asks only about those that change the verdict. */
function* candidates(scope: Scope): Generator<number> {
  const isInside = scope.isOwn ? insideOf(scope) : () => true;
  for (const name of namesIn("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    // Also a process that is left out costs time: 0 lets the search look at the clock.
    yield !scope.tree.has(pid) && isInside(pid) ? pid : 0;
  }
}

/** Finds a process for each of these sockets, in one pass through `pids`; what is not found within the limits is left out. */
export function findHolders(
  wanted: ReadonlySet<number>,
  pids: Iterable<number>,
  limits: SearchLimits,
): Map<number, number> {
  const found = new Map<number, number>();
  if (wanted.size === 0) return found;
  const end = performance.now() + limits.milliseconds;
  let left = limits.descriptors;
  for (const pid of pids) {
    // A process costs as much as a descriptor, at least.
    if (left-- <= 0 || performance.now() > end) return found;
    if (pid === 0) continue;
    // The names of a directory come all at once: the size of the table tells before how many they can be. One flood hides no other process.
    if (Number(fieldOf(readOrEmpty(`/proc/${pid}/status`), "FDSize")) > left) continue;
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      if (left-- <= 0 || performance.now() > end) return found;
      const inode = socketOf(`/proc/${pid}/fd/${fd}`);
      if (inode === undefined || !wanted.has(inode) || found.has(inode)) continue;
      found.set(inode, pid);
      if (found.size === wanted.size) return found;
    }
  }
  return found;
}

function socketOf(path: string): number | undefined {
  try {
    const link = readlinkSync(path);
    return link.startsWith("socket:[") ? Number(link.slice(8, -1)) : undefined;
  } catch {
    return undefined;
  }
}
