import { statSync } from "node:fs";
import { dirname } from "node:path";
import { mayHang, namespaceOf } from "../blockers/proc.ts";
import { lostWatches, type Watched } from "../blockers/watches.ts";
import type { CriuOptions } from "../criu/options.ts";
import { openBeneath } from "../ffi/beneath.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import { userOf } from "../ffi/process.ts";
import { processTree } from "../ffi/process_tree.ts";
import { statOf } from "../ffi/stat.ts";
import { markerDirectoryProblem } from "../strategies/notify.ts";
import { Participants } from "./participants.ts";

/**
 * Options of CRIU that every dump gets, under those that are given. A client that connects while the app is held must not make the dump
 * fail: it is accepted when the app goes on; when the app ends with the dump, its connection is refused. An app that goes on keeps its TCP
 * connections, which only its copy from the image finds closed.
 */
export function dumpDefaults(given: CriuOptions, leaveRunning: boolean): CriuOptions {
  return { tcpSkipInFlight: true, ...(leaveRunning && !given.tcpEstablished ? { tcpClose: true } : {}) };
}

/**
 * The options of a dump: what is given, and what always helps. The watch of `file()` must not make a dump fail where CRIU would not find
 * its directory again (overlayfs): it is named to CRIU. The apps are waited for only when there is such a watch at all.
 */
export async function dumpOptions(
  libc: Libc,
  root: number,
  found: Promise<Participants>,
  given: CriuOptions,
  leaveRunning: boolean,
): Promise<CriuOptions> {
  const options = { ...dumpDefaults(given, leaveRunning), ...rootOf(root), ...given };
  const lost = new Map(processTree(root).map((pid) => [pid, lostWatches(libc, pid)]));
  if ([...lost.values()].every((watched) => watched.length === 0)) return options;
  // Whoever cannot be found refuses the dump, but not here.
  const markers = await found.then(
    (participants) => participants.markers(),
    () => [],
  );
  const directories = markers
    .map(({ pid, path }) => ({ pid, directory: dirname(path) }))
    .filter(({ pid, directory }) => isWatched(libc, pid, directory, lost.get(pid) ?? []))
    .map(({ directory }) => directory);
  if (directories.length === 0) return options;
  return { ...options, irmapScanPath: [...new Set([...(given.irmapScanPath ?? []), ...directories])] };
}

/**
 * CRIU makes a mount namespace again only below a root that is named, and dies without one (criu/mount.c). It is ours when the app sees the
 * same root; that of a container is its engine's business.
 */
function rootOf(pid: number): CriuOptions {
  if (namespaceOf(pid, "mnt") === namespaceOf("self", "mnt") || mayHang(pid)) return {};
  try {
    const [its, ours] = [statSync(`/proc/${pid}/root`), statSync("/")];
    return its.dev === ours.dev && its.ino === ours.ino ? { root: "/" } : {};
  } catch {
    return {};
  }
}

/**
 * Whether a process really watches a directory, and it is one for markers, of its user alone: below any other, such as /, CRIU would search
 * for as long as the app likes.
 */
function isWatched(libc: Libc, pid: number, directory: string, watched: readonly Watched[]): boolean {
  if (watched.length === 0) return false;
  try {
    using place = openBeneath(libc, pid, directory);
    const state = statOf(libc, place.fd);
    const { device, inode } = state;
    if (markerDirectoryProblem(state, userOf(pid) ?? -1)) return false;
    return watched.some((one) => one.device === device && one.inode === inode);
  } catch {
    return false;
  }
}

/** The options that a dump of the tree of `pid` would have, for who only wants to know. */
export async function dumpOptionsOf(pid: number, given: CriuOptions): Promise<CriuOptions> {
  const found = Participants.find(pid, { unaware: true });
  try {
    return await dumpOptions(await openLibc(), pid, found, given, false);
  } finally {
    await found.then(
      (participants) => participants[Symbol.dispose](),
      () => {},
    );
  }
}
