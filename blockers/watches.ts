import { lstatSync, opendirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Libc } from "../ffi/libc.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import type { Descriptor } from "./descriptor.ts";
import { openDirectory } from "./open_files.ts";
import { type Mount, mayHang, namesIn, readMounts } from "./proc.ts";
import type { GivenOptions } from "./report.ts";
import type { Scope } from "./scope.ts";

/** What an inotify descriptor watches. */
export interface Watched {
  /** `major:minor` of its file system. */
  readonly device: string;
  readonly inode: number;
  /** How the kernel encodes the file handle (linux/exportfs.h); undefined when it cannot. */
  readonly handleType: number | undefined;
}

/** Where CRIU looks by itself for what it cannot open by its handle, all below included: criu/irmap.c. */
const hints = [
  "/etc",
  "/var/spool",
  "/var/log",
  "/usr/share/dbus-1/system-services",
  "/var/lib/polkit-1/localauthority",
  "/usr/share/polkit-1/actions",
  "/lib/udev",
];
/** A handle that most file systems give only as a name for the watch, and that cannot be opened. */
const INO64_GEN = 0x81;
const opensInode64 = /^(xfs|fuse|fuseblk|erofs)/;
/** How many names are looked at before a watch counts as not found. */
const MOST_NAMES = 20_000;

/** The watches of a tree. A deleted file may be found later than the watch on it: they are judged at the end. */
export interface Watches {
  /** Takes note of an inotify descriptor. */
  take(descriptor: Descriptor, mounts: () => ReadonlyMap<number, Mount>): void;
  /** Reports those that CRIU would not find again. */
  check(): void;
}

export function createWatches(scope: Scope, given: GivenOptions): Watches {
  const taken: { descriptor: Descriptor; watched: Watched; mount: Mount | undefined }[] = [];
  return {
    take(descriptor, mounts) {
      const { pid, fd } = descriptor;
      for (const watched of watchedIn(readOrEmpty(`/proc/${pid}/fdinfo/${fd}`))) {
        const mount = [...mounts().values()].find(({ device }) => device === watched.device);
        taken.push({ descriptor, watched, mount });
      }
    },
    check() {
      for (const { descriptor, watched, mount } of taken) {
        const { pid, fd } = descriptor;
        const { fileSystem = "" } = mount ?? {};
        if (/^(dev)?tmpfs$/.test(fileSystem)) {
          // CRIU wants a name here, and takes the handle everywhere else.
          if (!scope.deleted.has(`${watched.device} ${watched.inode}`)) continue;
          const what = `a watch (inotify) on a file of ${fileSystem} that is deleted, and still open or mapped`;
          scope.report.add("watch-deleted", { pid, fd, what, same: `watch ${fd}` });
        } else if (mount && !canBeOpened(mount, watched)) {
          const paths = scanPaths(given);
          if (paths !== "unknown" && isBelow(pid, [...hints, ...paths], watched)) continue;
          const what = `a watch (inotify) on ${fileSystem === "overlay" ? "overlayfs" : fileSystem}`;
          // Where it was looked, and not found, the option is no cure as it was given.
          const needs = { irmapScanPath: () => mayHang(pid) };
          scope.report.add("watch", { pid, fd, what, needs, same: `watch ${fd} ${watched.device}` });
        }
      }
    },
  };
}

/** The watches of a process that CRIU cannot open by their handles. */
export function lostWatches(libc: Libc, pid: number): Watched[] {
  const path = `/proc/${pid}/fd`;
  using links = openDirectory(libc, path);
  const descriptors = links ? namesIn(path).filter((fd) => /^anon_inode:\[?inotify/.test(links.link(fd) ?? "")) : [];
  const watched = descriptors.flatMap((fd) => watchedIn(readOrEmpty(`/proc/${pid}/fdinfo/${fd}`)));
  if (watched.length === 0) return [];
  const mounts = [...readMounts(pid).values()];
  return watched.filter((one) => {
    const mount = mounts.find(({ device }) => device === one.device);
    return mount && !canBeOpened(mount, one) && !mayHang(pid);
  });
}

/** Reads the fdinfo of an inotify descriptor; sdev is `major << 20 | minor` (proc_pid_fdinfo(5)). */
export function watchedIn(info: string): Watched[] {
  const lines = info.matchAll(/^inotify wd:\S+ ino:([0-9a-f]+) sdev:([0-9a-f]+)(?:.*fhandle-type:([0-9a-f]+))?/gm);
  return [...lines].map(([, inode, sdev, type]) => {
    const device = Number.parseInt(sdev as string, 16);
    return {
      device: `${device >>> 20}:${device & 0xfffff}`,
      inode: Number.parseInt(inode as string, 16),
      handleType: type === undefined ? undefined : Number.parseInt(type, 16),
    };
  });
}

/** Whether CRIU can open what is watched by its handle. */
export function canBeOpened({ fileSystem, options }: Mount, { handleType }: Watched): boolean {
  if (handleType === undefined) return false;
  if (fileSystem === "overlay") return /(^|,)nfs_export=on(,|$)/.test(options);
  return handleType !== INO64_GEN || opensInode64.test(fileSystem);
}

function scanPaths(given: GivenOptions): readonly string[] | "unknown" {
  if (Array.isArray(given)) return given.includes("irmapScanPath") ? "unknown" : [];
  return (given as { irmapScanPath?: readonly string[] }).irmapScanPath ?? [];
}

/** Whether CRIU's own search would find it, below these paths of a process. */
function isBelow(pid: number, paths: readonly string[], { device, inode }: Watched): boolean {
  if (mayHang(pid)) return false;
  const root = `/proc/${pid}/root`;
  const isIt = ({ dev, ino }: { dev: number; ino: number }): boolean => ino === inode && deviceOf(dev) === device;
  const next = [...paths].reverse().map((path) => join(root, path));
  try {
    if (isIt(statSync(root))) return true;
  } catch {
    // It has ended.
    return false;
  }
  for (let left = MOST_NAMES; left > 0 && next.length > 0; left--) {
    const path = next.pop() as string;
    try {
      // No link is followed: it would lead out of the root of the process.
      const state = lstatSync(path);
      if (isIt(state)) return true;
      if (state.isDirectory()) next.push(...firstNamesIn(path, left - next.length).map((name) => join(path, name)));
    } catch {
      // Gone meanwhile, too deep, or not ours to look into: CRIU has the last word.
    }
  }
  return false;
}

/** A directory may have millions. */
function firstNamesIn(path: string, most: number): string[] {
  const names: string[] = [];
  using directory = opendirSync(path);
  while (names.length < most) {
    const entry = directory.readSync();
    if (!entry) break;
    names.push(entry.name);
  }
  return names;
}

/** makedev(3), for user space. */
function deviceOf(dev: number): string {
  const value = BigInt(dev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
