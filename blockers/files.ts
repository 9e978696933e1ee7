import { openBeneath } from "../ffi/beneath.ts";
import type { Libc } from "../ffi/libc.ts";
import { type FileStat, statOf } from "../ffi/stat.ts";
import type { Descriptor } from "./descriptor.ts";
import type { ProcDirectory } from "./open_files.ts";
import { type Mount, mayHang, namespaceOf } from "./proc.ts";
import { perhapsInside, type Scope } from "./scope.ts";

const DELETED = " (deleted)";
const mountLine = /^mnt_id:\s*(\d+)/m;
/** CRIU's own limit for a deleted file that it puts into the image: criu(8), --ghost-limit. */
const GHOST_LIMIT_BYTES = 1 << 20;
const OUTSIDE = "No blocker when CRIU runs outside of this chroot";

/** Looks at a regular file or a directory; `info` is its fdinfo. */
export function checkFile(
  scope: Scope,
  descriptor: Descriptor,
  links: ProcDirectory,
  info: string,
  mounts: () => Map<number, Mount>,
): void {
  const { pid, fd, link } = descriptor;
  const state = (): FileStat | undefined => links.state(String(fd));
  if (link.endsWith(DELETED)) checkDeleted(scope, descriptor, state());
  else if (link.startsWith("/proc/")) checkProcFile(scope, descriptor);
  checkMount(scope, descriptor, state, info, mounts);
  // Not from /proc/locks: to read it stops all locking of the machine for some milliseconds, and it does not tell the descriptor.
  const locks = parseLocks(info);
  if (locks.length === 0) return;
  scope.report.add("lock", { pid, fd, what: `a file lock (${[...new Set(locks)].join(", ")}) on ${link}`, who: link });
}

/** Looks whether what is open is on a mount that the process sees: CRIU opens it again by its path. */
export function checkMount(
  scope: Scope,
  { pid, fd, link }: Descriptor,
  state: () => FileStat | undefined,
  info: string,
  mounts: () => Map<number, Mount>,
): void {
  const mount = Number(mountLine.exec(info)?.[1] ?? -1);
  if (mount < 0 || mounts().size === 0 || mounts().has(mount)) return;
  const key = `file[${mount.toString(16)}:${state()?.inode.toString(16)}]`;
  const needs = { external: (value: unknown) => (value as readonly string[]).includes(key) };
  const what = `a file on a mount that the process does not see: ${link}`;
  // CRIU outside of a chroot sees more than who is in it.
  const isInChroot = scope.isOwn && ![...mounts().values()].some(({ point }) => point === "/");
  scope.report.add("mount", { pid, fd, what, who: key, needs, perhaps: isInChroot ? OUTSIDE : undefined });
}

/** Looks at a file of /proc about a thread or a process: CRIU opens it again before it makes the threads, and others may be gone. */
function checkProcFile(scope: Scope, { pid, fd, link }: Descriptor): void {
  const [, process = "", thread = process] = /^\/proc\/(\d+)(?:\/task\/(\d+))?(?:\/|$)/.exec(link) ?? [];
  if (process === "" || namespaceOf(pid, "pid") !== namespaceOf("self", "pid")) return;
  const place = { pid, fd, who: link };
  if (!scope.tree.has(Number(process))) {
    const what = `a file about a process outside of the tree: ${link}`;
    const perhaps = perhapsInside(scope, Number(process));
    scope.report.add("process-file", { ...place, what, perhaps });
  } else if (thread !== process) {
    scope.report.add("thread-file", { ...place, what: `a file about a thread: ${link}` });
  }
}

/** The kinds of the locks that a descriptor holds, from its fdinfo: `flock`, `posix`, `ofd`, `lease`. */
export function parseLocks(info: string): string[] {
  if (!info.includes("\nlock:")) return [];
  const kinds = [...info.matchAll(/^lock:\s*\d+: (\w+)/gm)].map(([, kind]) => (kind as string).toLowerCase());
  return kinds.map((kind) => (kind === "ofdlck" ? "ofd" : kind));
}

/** Looks at an open file, or a mapping, that /proc marks as deleted. */
export function checkDeleted(
  scope: Scope,
  found: { readonly pid: number; readonly fd?: number; readonly link: string },
  state: FileStat | undefined,
): void {
  const { pid, fd, link } = found;
  if (!state || link.startsWith("/proc/") || isNameOf(scope.libc, pid, link, state)) return;
  const place = { pid, ...(fd === undefined ? {} : { fd }), same: `${state.device}:${state.inode}` };
  const path = link.slice(0, -DELETED.length);
  if (state.links === 0) {
    scope.deleted.add(`${state.device} ${state.inode}`);
    if (state.diskBytes <= GHOST_LIMIT_BYTES) return;
    const what = `a deleted file of ${state.diskBytes} bytes, more than CRIU's limit: ${path}`;
    const needs = { ghostLimit: (limit: unknown) => Number(limit) >= state.diskBytes };
    scope.report.add("deleted", { ...place, what, who: path, needs });
  } else if (state.type === "file") {
    // CRIU gives it a name for the restore, and takes that away when the tree goes on.
    const why = scope.goesOn ? ", and CRIU keeps it for a restore only when the app ends with the dump" : "";
    const what = `a file that was removed but has another name${why}: ${path}`;
    scope.report.add("unlinked", { ...place, what, who: path, ...(scope.goesOn ? { except: ["linkRemap"] } : {}) });
  }
}

/**
 * Whether a file of that very name is the one that is open: one may be called so. Nothing was a symbolic link when the kernel wrote the
 * path: one that is there now may lead through /proc to mounts of another process.
 */
function isNameOf(libc: Libc, pid: number, path: string, { inode }: FileStat): boolean {
  if (mayHang(pid)) return false;
  try {
    using place = openBeneath(libc, pid, path);
    return statOf(libc, place.fd).inode === inode;
  } catch {
    return false;
  }
}
