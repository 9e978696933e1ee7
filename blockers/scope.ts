import type { Libc } from "../ffi/libc.ts";
import { describeProcess, isInitial, namespaceOf, sessionOf } from "./proc.ts";
import type { Report } from "./report.ts";

/** What one scan looks at, and what it knows of the dump to come. */
export interface Scope {
  readonly libc: Libc;
  /** The processes that will be dumped, the root first. */
  readonly pids: readonly number[];
  readonly tree: ReadonlySet<number>;
  /** The app scans itself: the tree may be larger than it knows. */
  readonly isOwn: boolean;
  readonly report: Report;
  /** The tree goes on after the dump. */
  readonly goesOn: boolean;
  /** `device inode` of the files that are deleted, and still open or mapped, as they are found. */
  readonly deleted: Set<string>;
}

/**
 * Whether the tree has this namespace for itself, so that CRIU dumps what is in it. Undefined when an app scans itself and cannot know
 * where CRIU will run.
 */
export function hasOwnNamespace({ pids, isOwn }: Scope, kind: "ipc" | "mnt" | "net"): boolean | undefined {
  const root = pids[0] as number;
  const its = namespaceOf(root, kind);
  if (!isOwn) return its !== namespaceOf("self", kind);
  if (isInitial(its)) return false;
  const isHost = isInitial(namespaceOf(root, "pid"));
  return isHost && its === namespaceOf(1, kind) ? false : undefined;
}

/** Tells of a process outside of the tree whether it may be dumped as well, when an app scans itself. */
export function insideOf({ pids }: Scope): (other: number) => boolean {
  const root = pids[0] as number;
  const isContainer = !isInitial(namespaceOf(root, "pid"));
  const session = sessionOf(root);
  return (other) => isContainer || sessionOf(other) === session;
}

/** Why a process outside of the tree may be dumped as well; undefined when it certainly is not. */
export function perhapsInside(scope: Scope, other: number | undefined): string | undefined {
  if (!scope.isOwn || other === undefined || !insideOf(scope)(other)) return undefined;
  return `No blocker when ${describeProcess(other)} is dumped as well`;
}
