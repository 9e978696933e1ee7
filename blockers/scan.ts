import { type Libc, openLibc } from "../ffi/libc.ts";
import { checkDescriptors } from "./descriptors.ts";
import type { Blocker } from "./kinds.ts";
import { checkMappings } from "./mappings.ts";
import { checkNamespaces } from "./namespaces.ts";
import { checkProcesses } from "./processes.ts";
import { createReport, type GivenOptions, namesOf } from "./report.ts";
import { checkSockets } from "./sockets.ts";
import { createTerminals } from "./terminals.ts";
import { createWatches } from "./watches.ts";
import { checkWorkers } from "./workers.ts";

/** Options of {@linkcode findBlockers}. */
export interface FindOptions {
  /** The options that CRIU will get, or only their names: what they cure is not blocking. */
  readonly criuOptions?: GivenOptions;
  /** What to leave out: kinds, or texts such as a path that occur in `what` or `who`. */
  readonly ignore?: readonly string[];
  /** The tree goes on after the dump. @default false */
  readonly leaveRunning?: boolean;
}

/**
 * Finds what would make a dump of a process tree fail, by reading /proc; nothing is changed or stopped. For root, or the user of the
 * processes. What cannot be looked at is left out: CRIU has the last word.
 *
 * @param pids all processes that will be dumped, the root of the tree first.
 * @throws {UnsupportedPlatformError} on anything but Linux with Bun or Deno.
 * @example
 * ```ts
 * import { findBlockers } from "criu-aware/blockers";
 *
 * for (const { pid, what, cure } of await findBlockers([1234], { criuOptions: { tcpClose: true } })) {
 *   console.log(pid, what, cure.options, cure.advice);
 * }
 * ```
 */
export async function findBlockers(pids: readonly number[], options: FindOptions = {}): Promise<Blocker[]> {
  return scanBlockers(await openLibc(), pids, options);
}

/** The same at once, for who has libc. `isOwn`: the app scans itself, and its tree may be larger than it knows. */
export function scanBlockers(libc: Libc, pids: readonly number[], options: FindOptions = {}, isOwn = false): Blocker[] {
  if (pids.length === 0) return [];
  const { criuOptions = {}, ignore = [], leaveRunning = false } = options;
  const report = createReport(criuOptions, ignore);
  const goesOn = leaveRunning || namesOf(criuOptions).some((name) => /^leave(Running|Stopped)$/.test(name));
  const scope = { libc, pids, tree: new Set(pids), isOwn, report, goesOn, deleted: new Set<string>() };
  const terminals = createTerminals(scope);
  const watches = createWatches(scope, criuOptions);
  checkProcesses(scope);
  checkNamespaces(scope);
  const sockets = checkDescriptors(scope, terminals, watches);
  terminals.check();
  checkSockets(scope, sockets);
  checkMappings(scope);
  checkWorkers(scope);
  watches.check();
  return report.blockers;
}
