import { isArm64 } from "../ffi/arm64.ts";
import type { Descriptor, OpenSocket } from "./descriptor.ts";
import { checkDevice } from "./devices.ts";
import { checkFile } from "./files.ts";
import { lazy } from "./lazy.ts";
import { openDirectory, type ProcDirectory } from "./open_files.ts";
import { describeProcess, fieldOf, type Mount, namesIn, namespaceOf, readMounts } from "./proc.ts";
import { perhapsInside, type Scope } from "./scope.ts";
import type { Terminals } from "./terminals.ts";
import type { Watches } from "./watches.ts";

/** Kernel objects that CRIU dumps, as the kernel names them; pidfd and io_uring are looked at apart. */
const dumped = /^\[?(eventfd|eventpoll|fanotify|inotify|signalfd|timerfd)\b/;
/** Memory of the kernel's own, which no mount shows. */
const unnamed = /^\/(memfd:|dev\/zero \(deleted\)|SYSV|anon_hugepage)/;
/** To ask every file for its type would take a third of the time of a scan: device files are where they belong, or in a chroot. */
const mayBeDevice = /\/dev\//;
const O_DIRECT = isArm64 ? 0o200000 : 0o40000;

/** Looks at all descriptors of the tree, and returns the sockets, by inode, for further questions. */
export function checkDescriptors(
  scope: Scope,
  terminals: Terminals,
  watches: Watches,
): ReadonlyMap<number, OpenSocket> {
  const sockets = new Map<number, OpenSocket>();
  for (const pid of scope.pids) {
    const path = `/proc/${pid}/fd`;
    using links = openDirectory(scope.libc, path);
    using infos = openDirectory(scope.libc, `${path}info`);
    if (!links || !infos) continue;
    const mounts = lazy(() => mountsOf(scope.pids[0] as number, pid));
    for (const name of namesIn(path)) {
      const link = links.link(name);
      if (link === undefined) continue;
      const descriptor = { pid, fd: Number(name), link };
      const info = (): string => infos.text(name);
      if (link.startsWith("socket:[")) {
        const inode = Number(link.slice(8, -1));
        if (!sockets.has(inode)) sockets.set(inode, { ...descriptor, inode });
      } else if (link.startsWith("/")) {
        if (!unnamed.test(link)) checkPath(scope, descriptor, links, info, mounts, terminals);
      } else if (link.startsWith("pipe:")) {
        checkPipe(scope, descriptor, info);
      } else if (link.startsWith("anon_inode:") || link.startsWith("pidfd:")) {
        checkKernelObject(scope, descriptor, info, mounts, watches);
      }
    }
  }
  return sockets;
}

/** A process in a chroot does not see all mounts of its namespace: CRIU looks from its own root, or that of the tree. */
function mountsOf(root: number, pid: number): Map<number, Mount> {
  const isShared = namespaceOf(pid, "mnt") === namespaceOf("self", "mnt");
  return new Map([...(isShared ? readMounts("self") : []), ...readMounts(root), ...readMounts(pid)]);
}

function checkPath(
  scope: Scope,
  descriptor: Descriptor,
  links: ProcDirectory,
  info: () => string,
  mounts: () => Map<number, Mount>,
  terminals: Terminals,
): void {
  const { pid, fd, link } = descriptor;
  const state = mayBeDevice.test(link) ? links.state(String(fd)) : undefined;
  if (state && checkDevice(scope, descriptor, state, info, terminals)) return;
  if (link.startsWith("/secretmem")) {
    scope.report.add("secret", { pid, fd, what: "secret memory (memfd_secret)", same: "secret" });
  } else {
    checkFile(scope, descriptor, links, info(), mounts);
  }
}

function checkPipe(scope: Scope, { pid, fd, link }: Descriptor, info: () => string): void {
  const flags = Number.parseInt(fieldOf(info(), "flags"), 8);
  if (flags & O_DIRECT)
    scope.report.add("packet-pipe", { pid, fd, what: `a pipe in packet mode (${link})`, same: link });
}

function checkKernelObject(
  scope: Scope,
  descriptor: Descriptor,
  info: () => string,
  mounts: () => Map<number, Mount>,
  watches: Watches,
): void {
  const { report } = scope;
  const { pid, fd, link } = descriptor;
  const kind = link.replace(/^anon_inode:/, "");
  if (kind === "[io_uring]") {
    report.add("io-uring", { pid, fd, what: "an io_uring", same: `io_uring ${fd}` });
  } else if (kind === "[pidfd]" || link.startsWith("pidfd:")) {
    const target = Number(fieldOf(info(), "Pid") || -1);
    if (target === -1 || scope.tree.has(target)) return;
    const who = target > 0 ? describeProcess(target) : "a process of another pid namespace";
    report.add("pidfd", { pid, fd, what: "a pidfd", who, perhaps: perhapsInside(scope, target) });
  } else if (kind === "inotify" || kind === "[inotify]") {
    watches.take(descriptor, mounts);
  } else if (!dumped.test(kind)) {
    report.add("kernel", { pid, fd, what: `a descriptor of the kernel: ${kind}` });
  }
}
